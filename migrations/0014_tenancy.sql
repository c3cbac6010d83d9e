-- Where requests belong, and what a tenant may cost.

-- Which set of tenants it belongs to; NULL is the one of all that belong to no other.
ALTER TABLE tenants ADD COLUMN realm_id uuid;
-- A JSON object; the server knows its members and their defaults.
ALTER TABLE tenants ADD COLUMN limits text NOT NULL DEFAULT '{}';

-- Sets of tenants. The name is the operator's.
CREATE TABLE realms (
    id       uuid PRIMARY KEY,
    name     text COLLATE "C" NOT NULL UNIQUE,
    created  timestamptz NOT NULL,
    modified timestamptz NOT NULL
);

-- Where requests come in: what the operator has bound to a realm, or to one tenant of it.
CREATE TABLE entry_points (
    -- 'host', 'path' (a prefix) or 'header'.
    kind      text COLLATE "C" NOT NULL,
    -- As it is compared: a host in lower case without port, '/eu', 'x-tenant-id: acme'.
    value     text COLLATE "C" NOT NULL,
    realm_id  uuid,
    -- A domain of the tenant's own.
    tenant_id uuid,
    created   timestamptz NOT NULL,
    PRIMARY KEY (kind, value)
);
-- To show and to delete those of a tenant or a realm.
CREATE INDEX entry_points_by_tenant ON entry_points (tenant_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX entry_points_by_realm ON entry_points (realm_id) WHERE realm_id IS NOT NULL;
