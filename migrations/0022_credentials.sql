-- How credentials are replaced while they are in use, and when they were used.

-- 'token', or 'certificate': one of TLS clients, whose SHA-256 is the secret_hash.
ALTER TABLE tokens ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'token';
-- SHA-256 of the secret before, which is accepted until then.
ALTER TABLE tokens ADD COLUMN previous_hash bytea;
ALTER TABLE tokens ADD COLUMN previous_until timestamptz;
-- Late by a minute: servers write them together.
ALTER TABLE tokens ADD COLUMN last_used timestamptz;
ALTER TABLE tokens ADD COLUMN last_address text COLLATE "C";

ALTER TABLE clients ADD COLUMN previous_hash bytea;
ALTER TABLE clients ADD COLUMN previous_until timestamptz;
ALTER TABLE clients ADD COLUMN last_used timestamptz;
ALTER TABLE clients ADD COLUMN last_address text COLLATE "C";

-- A certificate is found by its digest, and is one credential of a tenant.
CREATE UNIQUE INDEX tokens_by_certificate ON tokens (tenant_id, secret_hash)
    WHERE kind = 'certificate';
