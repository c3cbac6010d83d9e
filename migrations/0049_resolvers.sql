-- Plugins that say which tenant of a realm a request is for. Without foreign keys: it is a reference table,
-- which goes with the realm and with the plugin by their own deletions.
CREATE TABLE realm_resolvers (
    realm_id    uuid PRIMARY KEY,
    -- Whose plugin it is.
    tenant_id   uuid NOT NULL,
    plugin      text COLLATE "C" NOT NULL,
    -- What it may give at the most.
    permissions text[] NOT NULL,
    -- The names of the headers that it sees, in lower case.
    headers     text[] NOT NULL,
    created     timestamptz NOT NULL
);
CREATE INDEX realm_resolvers_by_plugin ON realm_resolvers (tenant_id, plugin);
