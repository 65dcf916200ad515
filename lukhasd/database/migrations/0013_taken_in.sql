-- The change that a memory of an export came with: while it is the last one, it is not compared with what came along.
ALTER TABLE memories ADD COLUMN taken_in BIGINT;
-- Ids alone: an export from before does not bring back what was forgotten.
CREATE TABLE memory_forgotten (
    owner     VARCHAR NOT NULL,           -- identities.identity_id
    id        VARCHAR NOT NULL            -- of a memory, or of what the quarantine held of it
);
