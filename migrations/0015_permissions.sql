-- What a token may do: {"permissions": […], "hidden": […]}, a JSON object. What was made before may do
-- with resources what it could.
ALTER TABLE tokens ADD COLUMN grants text NOT NULL
    DEFAULT '{"permissions":["scim:*"],"hidden":[]}';
UPDATE tokens SET grants = '{"permissions":["scim:*","scim:explain"],"hidden":[]}' WHERE may_explain;
-- It is one of the permissions.
ALTER TABLE tokens DROP COLUMN may_explain;
