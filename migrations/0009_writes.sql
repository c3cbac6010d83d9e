-- A write of a resource is one statement, which names all that it changes: nothing is left to
-- cascades and to checks of foreign keys, which cost every insert a look at its tenant. Tenants are
-- deleted with all of their rows by name.

-- A tenant that is deleted lets no resource be created any more: the last step of that is the
-- counter, whose foreign key stays.
ALTER TABLE resources DROP CONSTRAINT resources_tenant_id_fkey;

-- They are deleted in the statement that deletes their resource.
ALTER TABLE unique_values DROP CONSTRAINT unique_values_tenant_id_id_fkey;

-- What an act is about that is about no resource: the id of a tenant or a token, the name of a plugin.
ALTER TABLE audit ADD COLUMN subject text COLLATE "C";
