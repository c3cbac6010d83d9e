-- Recorded calls of plugins: what is asked for, and the calls themselves.

-- What is asked for of a hook, or was last. It ends when so many calls were taken, or with its hour.
CREATE TABLE plugin_recordings (
    tenant_id uuid NOT NULL,
    plugin    text COLLATE "C" NOT NULL,
    hook      text COLLATE "C" NOT NULL,
    id        uuid NOT NULL,                    -- version 7
    digest    bytea NOT NULL,                   -- the version whose calls are recorded
    redaction text NOT NULL,                    -- what is left out of them: a JSON object
    asked     integer NOT NULL,
    recorded  integer NOT NULL DEFAULT 0,
    dropped   integer NOT NULL DEFAULT 0,       -- too large, so that nothing of them is kept
    bytes     bigint NOT NULL DEFAULT 0,        -- of those that are kept
    started   timestamptz NOT NULL,
    ends      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, plugin, hook),
    FOREIGN KEY (tenant_id, plugin) REFERENCES plugins (tenant_id, name) ON DELETE CASCADE
);

-- They hold what resources hold, and are where the tenant's resources are: so there is no foreign key.
CREATE TABLE recorded_calls (
    tenant_id  uuid NOT NULL,
    plugin     text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,                   -- version 7: in the order in which they were written
    recording  uuid NOT NULL,
    at         timestamptz NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    outcome    text COLLATE "C" NOT NULL,       -- 'ok', or the kind of the failure
    file       text NOT NULL,                   -- a JSON object
    PRIMARY KEY (tenant_id, plugin, id)
);
