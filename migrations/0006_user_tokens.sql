-- A token may speak for a user of the tenant: that is who /Me is. It goes with the user.

ALTER TABLE tokens ADD COLUMN user_id uuid;

ALTER TABLE tokens
    ADD FOREIGN KEY (tenant_id, user_id) REFERENCES resources (tenant_id, id) ON DELETE CASCADE;

-- To find the tokens of a user that is deleted.
CREATE INDEX tokens_by_user ON tokens (tenant_id, user_id);
