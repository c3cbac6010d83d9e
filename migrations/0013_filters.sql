-- Filters ask for parts of texts (`co`, `ew`).

-- Values that are longer than their key: what they end with, or have beyond it, is in the document
-- alone. They are few, and a filter that has found the others by trigrams does not go through all
-- entries of the attribute for these.
CREATE INDEX attr_index_long ON attr_index (tenant_id, type, attr, id) WHERE length(val) > 256;
