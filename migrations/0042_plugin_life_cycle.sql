-- The life of a version, and how a tenant's plugins stand to each other.

-- The order in which plugins are called; those of one position by their names.
ALTER TABLE plugins ADD COLUMN position int NOT NULL DEFAULT 0;
-- What the tenant has chosen beside the plugin's configuration: a JSON object.
ALTER TABLE plugins ADD COLUMN settings text NOT NULL DEFAULT '{}';
-- The version that is run beside the active one, without effect; none where there is none.
ALTER TABLE plugins ADD COLUMN shadow_digest bytea;
ALTER TABLE plugins
    ADD FOREIGN KEY (tenant_id, name, shadow_digest)
    REFERENCES plugin_versions (tenant_id, name, digest);

-- When requests last stopped going through the version; NULL where none ever did.
ALTER TABLE plugin_versions ADD COLUMN retired timestamptz;
