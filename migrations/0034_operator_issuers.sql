-- Who signs JWTs for several tenants, which a claim names.
CREATE TABLE operator_issuers (
    id       uuid PRIMARY KEY,
    -- For tenants of this realm alone; NULL: of every realm.
    realm_id uuid,
    issuer   text COLLATE "C" NOT NULL,
    -- As in issuers.
    config   text NOT NULL,
    created  timestamptz NOT NULL,
    modified timestamptz NOT NULL
);

-- Whether its JWTs find their tenant where nothing else in a request names one.
ALTER TABLE issuers ADD COLUMN anywhere boolean NOT NULL DEFAULT false;
CREATE INDEX issuers_anywhere ON issuers (issuer) WHERE anywhere;
