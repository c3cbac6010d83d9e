-- Plugins: versions that never change, known by the digest of the component.

-- The bytes, once for all tenants that have uploaded them.
CREATE TABLE components (
    digest  bytea PRIMARY KEY,
    bytes   bytea NOT NULL,
    created timestamptz NOT NULL
);

CREATE TABLE plugins (
    tenant_id     uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name          text COLLATE "C" NOT NULL,
    -- The version that requests go through; none where the plugin is not active.
    active_digest bytea,
    -- What the tenant has configured: a JSON object.
    config        text NOT NULL DEFAULT '{}',
    created       timestamptz NOT NULL,
    modified      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE plugin_versions (
    tenant_id    uuid NOT NULL,
    name         text COLLATE "C" NOT NULL,
    digest       bytea NOT NULL REFERENCES components (digest),
    capabilities text[] NOT NULL,
    -- The Schema and ResourceType documents it described at upload: a JSON array.
    described    text NOT NULL,
    created      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name, digest),
    FOREIGN KEY (tenant_id, name) REFERENCES plugins (tenant_id, name) ON DELETE CASCADE
);

-- To find components that no version needs any more.
CREATE INDEX plugin_versions_by_digest ON plugin_versions (digest);

ALTER TABLE plugins
    ADD FOREIGN KEY (tenant_id, name, active_digest)
    REFERENCES plugin_versions (tenant_id, name, digest);
