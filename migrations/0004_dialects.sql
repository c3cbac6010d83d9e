-- How a tenant's identity provider speaks SCIM. The names are the server's to know: one that it
-- does not know is an error, and no other dialect is taken in its place.

ALTER TABLE tenants ADD COLUMN dialect text COLLATE "C" NOT NULL DEFAULT 'rfc';
