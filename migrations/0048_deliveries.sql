-- Events that plugins are still to be told of: a row for each event and plugin, written with the event.
CREATE TABLE deliveries (
    tenant_id   uuid NOT NULL,
    plugin      text COLLATE "C" NOT NULL,
    event       uuid NOT NULL,            -- as in the outbox
    type        text COLLATE "C" NOT NULL,
    resource_id uuid NOT NULL,
    version     bigint NOT NULL,
    operation   text COLLATE "C" NOT NULL,
    actor       text COLLATE "C" NOT NULL,
    request_id  text COLLATE "C" NOT NULL,
    created     timestamptz NOT NULL,
    -- By the clock of the database, which all servers share: the events of a resource are in this order.
    written     timestamptz NOT NULL,
    attempts    integer NOT NULL,
    -- When it is told next, or else taken to be lost by who is telling it; NULL where it is parked.
    due         timestamptz,
    problem     text,                     -- what the last attempt came to
    PRIMARY KEY (tenant_id, plugin, event)
);

-- To find what is to be told.
CREATE INDEX deliveries_due ON deliveries (tenant_id, plugin, due) WHERE due IS NOT NULL;
-- To find what a resource's events wait for.
CREATE INDEX deliveries_in_order ON deliveries (tenant_id, plugin, resource_id, written, event)
    WHERE due IS NOT NULL;
