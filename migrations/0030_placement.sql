-- Tenants whose data is in a schema of its own.

-- 'shared', or 'schema': a schema whose name is made of the tenant's id has its resources and what belongs to
-- them, its audit log, its log of requests, and its idempotency keys.
ALTER TABLE tenants ADD COLUMN placement text COLLATE "C" NOT NULL DEFAULT 'shared';

-- A token may be of a user in such a schema. Who adds one holds the user, and the user's deletion takes it along.
ALTER TABLE tokens DROP CONSTRAINT tokens_tenant_id_user_id_fkey;

-- Tenants whose data is on its way to other tables. The row is locked by the server that is at it, and the
-- tenant's own is free for those who write.
CREATE TABLE tenant_moves (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    target    text COLLATE "C" NOT NULL,       -- a placement
    step      text COLLATE "C" NOT NULL,       -- 'copying', 'switching' or 'cleaning'
    since     timestamptz NOT NULL,            -- when the last change of what requests go by was made
    started   timestamptz NOT NULL,
    tables    bigint NOT NULL DEFAULT 0,       -- that are copied
    copied    bigint NOT NULL DEFAULT 0,       -- rows
    total     bigint NOT NULL DEFAULT 0
);
