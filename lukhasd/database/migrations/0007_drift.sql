ALTER TABLE memories ADD COLUMN suggested_method VARCHAR;   -- how to repair it, found by trial with each change; NULL: not drifted
