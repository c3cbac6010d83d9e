-- What is seen of a tenant's plugins: their lines, what a version in shadow says, and what a version would do
-- to stored resources. None of it is for ever: each plugin has so many rows at the most.

-- What plugins write to their log, and how their calls fail.
CREATE TABLE plugin_logs (
    tenant_id  uuid NOT NULL,
    plugin     text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,                   -- version 7: in the order in which the calls ended
    at         timestamptz NOT NULL,
    digest     bytea NOT NULL,
    hook       text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    level      text COLLATE "C" NOT NULL,
    message    text NOT NULL,
    fault      text COLLATE "C",                -- the kind of a failure; NULL for the plugin's own lines
    backtrace  text,
    PRIMARY KEY (tenant_id, plugin, id),
    FOREIGN KEY (tenant_id, plugin) REFERENCES plugins (tenant_id, name) ON DELETE CASCADE
);

-- A version that is, or was last, run beside the active one: what its calls came to.
CREATE TABLE plugin_shadows (
    tenant_id uuid NOT NULL,
    plugin    text COLLATE "C" NOT NULL,
    digest    bytea NOT NULL,
    since     timestamptz NOT NULL,
    calls     bigint NOT NULL DEFAULT 0,
    different bigint NOT NULL DEFAULT 0,        -- said something else than the active version
    failed    bigint NOT NULL DEFAULT 0,
    dropped   bigint NOT NULL DEFAULT 0,        -- not run, as too many were running
    fuel_sum  bigint NOT NULL DEFAULT 0,
    fuel_max  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, plugin),
    FOREIGN KEY (tenant_id, plugin) REFERENCES plugins (tenant_id, name) ON DELETE CASCADE
);

-- Where it said something else.
CREATE TABLE plugin_differences (
    tenant_id     uuid NOT NULL,
    plugin        text COLLATE "C" NOT NULL,
    id            uuid NOT NULL,                -- version 7
    at            timestamptz NOT NULL,
    digest        bytea NOT NULL,
    request_id    text COLLATE "C" NOT NULL,
    hook          text COLLATE "C" NOT NULL,
    resource_type text COLLATE "C" NOT NULL,
    operation     text COLLATE "C" NOT NULL,
    active        text NOT NULL,                -- what each said: a JSON object
    shadow        text NOT NULL,
    PRIMARY KEY (tenant_id, plugin, id),
    FOREIGN KEY (tenant_id, plugin) REFERENCES plugins (tenant_id, name) ON DELETE CASCADE
);

-- A version that is, or was, run over the stored resources.
CREATE TABLE plugin_impacts (
    tenant_id  uuid NOT NULL,
    plugin     text COLLATE "C" NOT NULL,
    digest     bytea NOT NULL,
    -- 'running', 'done', 'cancelled' or 'failed'.
    state      text COLLATE "C" NOT NULL,
    -- Why it failed.
    problem    text,
    base_url   text NOT NULL,                   -- what resources say of where they are
    actor      text COLLATE "C" NOT NULL,       -- who has asked for it
    started    timestamptz NOT NULL,
    finished   timestamptz,
    -- Not before then is it carried on with: a server that does so puts it off for as long as it may take.
    due        timestamptz NOT NULL,
    last_id    uuid NOT NULL,                   -- resources up to this one are done
    total      bigint NOT NULL,
    done       bigint NOT NULL DEFAULT 0,
    passed     bigint NOT NULL DEFAULT 0,
    refused    bigint NOT NULL DEFAULT 0,
    amended    bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    fuel_sum   bigint NOT NULL DEFAULT 0,
    fuel_max   bigint NOT NULL DEFAULT 0,
    micros_sum bigint NOT NULL DEFAULT 0,
    micros_max bigint NOT NULL DEFAULT 0,
    examples   text NOT NULL DEFAULT '[]',      -- a JSON array
    PRIMARY KEY (tenant_id, plugin, digest),
    FOREIGN KEY (tenant_id, plugin, digest)
        REFERENCES plugin_versions (tenant_id, name, digest) ON DELETE CASCADE
);

-- To find what is to be carried on with; few rows at any time.
CREATE INDEX plugin_impacts_running ON plugin_impacts (due) WHERE state = 'running';
