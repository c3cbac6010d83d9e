-- Clients that are given access tokens of a tenant (RFC 6749 §4.4). Nothing is stored of the tokens: a
-- client that is deleted has none any more.

CREATE TABLE clients (
    tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          uuid NOT NULL,
    name        text NOT NULL,
    -- SHA-256 of the secret, which has 256 random bits.
    secret_hash bytea NOT NULL,
    -- The most that its tokens are allowed, a JSON object as in `tokens`.
    grants      text NOT NULL,
    created     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
