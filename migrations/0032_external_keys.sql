-- What the operator's other systems call a tenant.
ALTER TABLE tenants ADD COLUMN external_key text COLLATE "C";
-- It names one tenant.
CREATE UNIQUE INDEX tenants_external_key ON tenants (external_key);
