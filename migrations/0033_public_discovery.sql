-- Whether anybody is told what a tenant's service offers (RFC 7644 §4).
ALTER TABLE tenants ADD COLUMN public_discovery boolean NOT NULL DEFAULT false;
