-- Memberships are checked and deleted by the statements that write them. A foreign key asks for
-- every row on its own, and its cascades are planned as if a tenant that is new had one row: they
-- go through all of its memberships.

ALTER TABLE group_members DROP CONSTRAINT group_members_group;
ALTER TABLE group_members DROP CONSTRAINT group_members_member;
