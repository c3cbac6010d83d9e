-- The audit log tells what was changed, and cannot be changed without it showing.

-- What an act of an administrator changed: a JSON object, without secrets.
ALTER TABLE audit ADD COLUMN details text;

-- Each seal stands for the records since the one before it. Writers know nothing of it.
CREATE TABLE audit_seals (
    tenant_id uuid NOT NULL,
    n         bigint NOT NULL,             -- 1, 2, 3 …
    up_to     uuid NOT NULL,               -- the last of its records
    records   bigint NOT NULL,
    hash      text COLLATE "C" NOT NULL,   -- SHA-256 of the hash before and the records, in hexadecimal digits
    sealed    timestamptz NOT NULL,
    removed   timestamptz,                 -- when its records were removed, being old
    PRIMARY KEY (tenant_id, n)
);

-- To find the last of those whose records were removed.
CREATE INDEX audit_seals_removed ON audit_seals (tenant_id, n) WHERE removed IS NOT NULL;
