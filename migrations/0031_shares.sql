-- Resources that a tenant has from another one, its parent, on purpose. They are copies, which are written
-- by those who follow the parent's events, and by no request.

-- Whose copy a resource is; NULL where it is the tenant's own.
ALTER TABLE resources ADD COLUMN shared_from uuid;
-- To go through the copies, and to delete them.
CREATE INDEX resources_shared ON resources (tenant_id, shared_from, id) WHERE shared_from IS NOT NULL;

-- How many of the n are copies: max_n is for the others.
ALTER TABLE counters ADD COLUMN shared bigint NOT NULL DEFAULT 0;

CREATE TABLE shares (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE, -- the child
    parent_id uuid NOT NULL,
    types     text[] NOT NULL,            -- those with members last
    -- 'copying', 'checking' (whether a copy has lost its original), 'following' or 'removing'.
    state     text COLLATE "C" NOT NULL,
    -- Up to where the work of that state is done.
    last_type text COLLATE "C" NOT NULL,
    last_id   uuid NOT NULL,
    -- Events of the parent up to here have been read.
    seen      uuid NOT NULL,
    -- And up to here once more, when none could come late any more.
    settled   uuid NOT NULL,
    -- When somebody is to look at it next.
    due       timestamptz NOT NULL,
    problem   text,
    created   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, parent_id)
);
-- What is shared ends with the parent.
CREATE INDEX shares_by_parent ON shares (parent_id);

-- Resources that could not be copied.
CREATE TABLE share_conflicts (
    tenant_id   uuid NOT NULL,
    parent_id   uuid NOT NULL,
    resource_id uuid NOT NULL,
    type        text COLLATE "C" NOT NULL,
    attr        text COLLATE "C" NOT NULL,    -- whose value another resource of the child has; or 'id'
    since       timestamptz NOT NULL,
    tried       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, parent_id, resource_id)
);
