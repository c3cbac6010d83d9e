-- Keys of the service itself, the same for all servers on this database: one opens what another
-- has sealed.

CREATE TABLE server_keys (
    -- What the key is for: no key is used for two things.
    purpose text COLLATE "C" PRIMARY KEY,
    key     bytea NOT NULL,
    created timestamptz NOT NULL
);
