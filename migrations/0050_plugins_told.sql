-- To find the plugins that are told of what is written, which every server asks for again and again.
CREATE INDEX plugin_versions_told ON plugin_versions (tenant_id, name, digest)
    WHERE capabilities @> ARRAY['after-commit'];
