-- What finds, counts and follows resources. The text of the columns is normalised by the server,
-- which knows the schemas: a btree over text of the collation "C" is all that the database has to
-- offer, so that any Postgres does, a distributed one included.

-- What is stored of secrets (hashes): a JSON object with the shape of the body, apart from it, so
-- that a body can be sent as it is.
ALTER TABLE resources ADD COLUMN secrets text;

-- The body as filters see it, where that is not the body itself: with letters folded that are not
-- ASCII, with instants as numbers. Few resources have one.
ALTER TABLE resources ADD COLUMN search text;

-- Stands for the schemas under which the body was written. A body with the shape that the type has
-- today is sent as it is; any other is read first. 0 is no shape.
ALTER TABLE resources ADD COLUMN shape bigint NOT NULL DEFAULT 0;

-- The values of indexed attributes without uniqueness (`unique_values` has the others). Its primary
-- key is all of it, so that a filter need not look at the table: index-only scans.
CREATE TABLE attr_index (
    tenant_id  uuid NOT NULL,
    type       text COLLATE "C" NOT NULL,
    -- The path of the attribute, as the schemas spell it: 'emails.value'.
    attr       text COLLATE "C" NOT NULL,
    -- Normalised as the attribute compares its values, and in their order.
    val        text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,
    -- Which value of a multi-valued attribute it is of; 0 is the one that counts for sorting.
    elem       smallint NOT NULL,
    -- Whether parts of the value are searched for: such rows are in the trigram index, if there is one.
    substrings boolean NOT NULL,
    PRIMARY KEY (tenant_id, type, attr, val, id, elem)
);

-- Which attributes of a tenant's types are indexed. While one is being built, writes keep it up and
-- filters do not use it yet.
CREATE TABLE index_builds (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    type      text COLLATE "C" NOT NULL,
    attr      text COLLATE "C" NOT NULL,
    -- 'building', 'ready' or 'dropping'.
    state     text COLLATE "C" NOT NULL,
    -- How it is built: another way asks for another build.
    method    text COLLATE "C" NOT NULL,
    -- Resources up to this one are done, so that an interrupted build goes on from there.
    last_id   uuid,
    done      bigint NOT NULL DEFAULT 0,
    total     bigint NOT NULL DEFAULT 0,
    started   timestamptz NOT NULL,
    finished  timestamptz,
    PRIMARY KEY (tenant_id, type, attr)
);

-- How many resources of each type there are, and may be: the total of a list, and the quota, in the
-- statement of the insert.
CREATE TABLE counters (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    type      text COLLATE "C" NOT NULL,
    n         bigint NOT NULL,
    -- None where there is no quota.
    max_n     bigint,
    PRIMARY KEY (tenant_id, type)
) WITH (fillfactor = 50); -- changed by every insert: room for its versions on the page

-- What has happened, for those who are told of it after the commit.
CREATE TABLE outbox (
    tenant_id   uuid NOT NULL,
    -- A version 7 UUID: in the order in which writes began, which need not be that of commits.
    id          uuid NOT NULL,
    type        text COLLATE "C" NOT NULL,
    resource_id uuid NOT NULL,
    version     bigint NOT NULL,
    -- 'create', 'replace', 'patch' or 'delete'.
    operation   text COLLATE "C" NOT NULL,
    request_id  text COLLATE "C" NOT NULL,
    created     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Who has done what: never changed, only added to.
CREATE TABLE audit (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    at             timestamptz NOT NULL,
    -- 'token:<id>', or 'operator'.
    actor          text COLLATE "C" NOT NULL,
    action         text COLLATE "C" NOT NULL,
    type           text COLLATE "C",
    resource_id    uuid,
    version_before bigint,
    version_after  bigint,
    request_id     text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- Answers to POST requests that may come again (the Idempotency-Key header).
CREATE TABLE idempotency_keys (
    tenant_id   uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key         text COLLATE "C" NOT NULL,
    -- SHA-256 of the request: the same key with another request is a mistake.
    fingerprint bytea NOT NULL,
    -- None while the request is being carried out.
    status      smallint,
    -- Headers and body of the answer.
    answer      text,
    created     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

-- To find the keys that have expired.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created);

-- Counts the changes to the configuration of any tenant, credentials included: what every server
-- asks for once a second to know whether what it remembers still holds.
CREATE TABLE config_epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    n        bigint NOT NULL
);

INSERT INTO config_epoch (n) VALUES (1);

INSERT INTO counters (tenant_id, type, n)
SELECT tenant_id, type, count(*) FROM resources GROUP BY tenant_id, type;
