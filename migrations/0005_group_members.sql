-- Memberships as rows: one more member of a group of a hundred thousand is one more row, and the
-- groups of a resource are an index away.

CREATE TABLE group_members (
    tenant_id uuid NOT NULL,
    group_id  uuid NOT NULL,
    member_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, group_id, member_id),
    CONSTRAINT group_members_group FOREIGN KEY (tenant_id, group_id)
        REFERENCES resources (tenant_id, id) ON DELETE CASCADE,
    -- Nothing is a member that does not exist, whatever happens at the same time.
    CONSTRAINT group_members_member FOREIGN KEY (tenant_id, member_id)
        REFERENCES resources (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX group_members_by_member ON group_members (tenant_id, member_id, group_id);

-- What others call the resource, so that the display of ten thousand members needs no body; short,
-- since as many may show it.
ALTER TABLE resources ADD COLUMN display text;

UPDATE resources SET display = left(nullif(body::json ->> 'displayName', ''), 256)
WHERE json_typeof(body::json -> 'displayName') = 'string';

-- What bodies have of members moves into rows, where it is the id of a User or a Group. Types over
-- the core Group schema may have any name; the schema is the first that a body names.
INSERT INTO group_members (tenant_id, group_id, member_id)
SELECT DISTINCT groups.tenant_id, groups.id, members.id
FROM resources AS groups
CROSS JOIN LATERAL json_array_elements(groups.body::json -> 'members') AS listed (member)
JOIN resources AS members
  ON members.tenant_id = groups.tenant_id AND members.id::text = listed.member ->> 'value'
WHERE groups.body::json -> 'schemas' ->> 0 = 'urn:ietf:params:scim:schemas:core:2.0:Group'
  AND members.type IN ('User', 'Group');

-- Members are shown with more than before, so it is another version.
UPDATE resources SET version = version + 1, body = (
    SELECT json_object_agg(name, value ORDER BY place)::text
    FROM json_each(body::json) WITH ORDINALITY AS attribute (name, value, place)
    WHERE name <> 'members')
WHERE body::json -> 'schemas' ->> 0 = 'urn:ietf:params:scim:schemas:core:2.0:Group'
  AND body::json -> 'members' IS NOT NULL;
