-- Who asked for what, and what came of it: no bodies, and no query strings.
CREATE TABLE requests (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,                     -- version 7: in the order in which they ended
    at          timestamptz NOT NULL,
    request_id  text COLLATE "C" NOT NULL,
    actor       text COLLATE "C" NOT NULL,
    address     text COLLATE "C",
    method      text COLLATE "C" NOT NULL,
    operation   text COLLATE "C" NOT NULL,         -- as in the description of the API: 'createResource'
    type        text COLLATE "C",
    resource_id uuid,
    status      smallint NOT NULL,
    scim_type   text COLLATE "C",
    micros      bigint NOT NULL,
    notes       text,                              -- a JSON object: coercions, plugins and what they said
    PRIMARY KEY (tenant_id, id)
);

-- Which requests of a tenant are in it: 'off', 'writes' or 'all'.
ALTER TABLE tenants ADD COLUMN request_log text COLLATE "C" NOT NULL DEFAULT 'writes';
