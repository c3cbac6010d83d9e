-- A tenant with much is removed in batches, after its deletion was answered.

-- What is being emptied; NULL unless the tenant has been deleted. From then on it has no name of its own.
ALTER TABLE tenants ADD COLUMN removal_step text COLLATE "C";
-- Rows that are gone.
ALTER TABLE tenants ADD COLUMN removed_rows bigint NOT NULL DEFAULT 0;
-- When it was deleted.
ALTER TABLE tenants ADD COLUMN deleted timestamptz;

-- To find what is to be removed; few rows at any time.
CREATE INDEX tenants_in_removal ON tenants (id) WHERE removal_step IS NOT NULL;
