-- Who signs JWTs that are credentials of a tenant.

CREATE TABLE issuers (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id        uuid NOT NULL,
    -- `iss`: a JWT is read by what it says of its issuer. Several may have one, with keys or audiences
    -- of their own.
    issuer    text COLLATE "C" NOT NULL,
    -- A JSON object: audiences, keys, algorithms, claims; the server knows its members.
    config    text NOT NULL,
    created   timestamptz NOT NULL,
    modified  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
