-- The life of indexes: what a tenant's administrator adds to those that schemas declare, and how far
-- a build has come.

-- Attributes that an administrator wants indexed. A wish outlives the schema that has the attribute:
-- where a plugin is activated again, so is the index.
CREATE TABLE added_indexes (
    tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    type       text COLLATE "C" NOT NULL,
    attr       text COLLATE "C" NOT NULL,
    -- Whether parts of values are searched for.
    substrings boolean NOT NULL,
    created    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, type, attr)
);

-- Since when a build is in its state: what it does next waits until nobody goes by an older one.
-- There is a further state, 'checking', between 'building' and 'ready'; and an attribute of no name
-- stands for the column `search` of the type's resources.
ALTER TABLE index_builds ADD COLUMN since timestamptz NOT NULL;

-- With last_id, the entry up to which an index is checked or dropped.
ALTER TABLE index_builds ADD COLUMN last_val text COLLATE "C";
ALTER TABLE index_builds ADD COLUMN last_elem smallint;

-- To find what is to be done; few rows at any time.
CREATE INDEX index_builds_unfinished ON index_builds (since) WHERE state <> 'ready';

-- Stands for the indexes that the core declared when those of the tenant were last compared with
-- it, so that a server with another core finds the tenants that it has to look at.
ALTER TABLE tenants ADD COLUMN core_indexes text COLLATE "C" NOT NULL DEFAULT '';

-- Whether a token may ask how its filters are carried out.
ALTER TABLE tokens ADD COLUMN may_explain boolean NOT NULL DEFAULT false;
