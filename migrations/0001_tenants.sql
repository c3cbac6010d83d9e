-- Tenants and who may speak for them. Every other table's key begins with tenant_id, so that a
-- distributed Postgres can shard by it as it stands.

CREATE TABLE tenants (
    id           uuid PRIMARY KEY,
    name         text COLLATE "C" NOT NULL UNIQUE,
    -- Counts the changes to the tenant's configuration. It travels with every authentication, so
    -- that no server goes on with an old one.
    config_epoch bigint NOT NULL DEFAULT 1,
    created      timestamptz NOT NULL,
    modified     timestamptz NOT NULL
);

CREATE TABLE tokens (
    tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          uuid NOT NULL,
    name        text NOT NULL,
    -- SHA-256 of the secret part. The secret has 256 random bits, so a slow hash adds nothing.
    secret_hash bytea NOT NULL,
    created     timestamptz NOT NULL,
    expires     timestamptz,
    PRIMARY KEY (tenant_id, id)
);

-- The operator's token, where the server generated it; one row at the most.
CREATE TABLE admin_token (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret_hash bytea NOT NULL,
    created     timestamptz NOT NULL
);
