-- Resources of all types, core or defined by plugins, in one table.

CREATE TABLE resources (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- A version 7 UUID: in order of creation, which is the order of lists.
    id        uuid NOT NULL,
    type      text COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    created   timestamptz NOT NULL,
    modified  timestamptz NOT NULL,
    -- The attributes as JSON, without id and meta. Text, not jsonb: it is passed through as it
    -- is, and sending jsonb costs ten times as much.
    body      text NOT NULL,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 80); -- room on the page, so that an update need not touch the indexes

CREATE INDEX resources_by_type ON resources (tenant_id, type, id);

-- The values of attributes with uniqueness: the primary key is the constraint.
CREATE TABLE unique_values (
    tenant_id uuid NOT NULL,
    type      text COLLATE "C" NOT NULL,
    attr      text COLLATE "C" NOT NULL,
    -- Normalised as the attribute compares its values.
    val       text COLLATE "C" NOT NULL,
    id        uuid NOT NULL,
    PRIMARY KEY (tenant_id, type, attr, val),
    FOREIGN KEY (tenant_id, id) REFERENCES resources (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX unique_values_by_resource ON unique_values (tenant_id, id);
