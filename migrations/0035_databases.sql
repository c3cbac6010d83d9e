-- Tenants whose data is in a database of their own.

-- Where that is. A row is never changed: another URL is another row.
CREATE TABLE tenant_databases (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id        uuid NOT NULL,
    url       text NOT NULL,                   -- under the encryption key of the servers
    shown     text NOT NULL,                   -- without the password
    PRIMARY KEY (tenant_id, id)
);

-- Which of them has the data, where the placement is 'database'. In such a database itself, the tenant's row
-- has the placement 'here' or 'elsewhere'.
ALTER TABLE tenants ADD COLUMN database_id uuid;

-- The target of a move, and where it comes from.
ALTER TABLE tenant_moves ADD COLUMN database_id uuid;
ALTER TABLE tenant_moves ADD COLUMN from_database_id uuid;

-- Records of what administrators do to such a tenant, written with what they do, until they are in its audit log.
CREATE TABLE audit_waiting (
    tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id         uuid NOT NULL,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    action     text NOT NULL,
    subject    text,
    request_id text NOT NULL,
    details    text,
    PRIMARY KEY (tenant_id, id)
);
