-- A tenant whose credentials are refused for a while.

-- When it was suspended; NULL where it is not.
ALTER TABLE tenants ADD COLUMN suspended timestamptz;
