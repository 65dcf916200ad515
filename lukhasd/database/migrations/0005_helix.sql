-- A memory's versions: 1 is its origin. They are written with the first change; until then the row itself is version 1.
ALTER TABLE memories ADD COLUMN version INTEGER DEFAULT 1;
ALTER TABLE memories ADD COLUMN valid_to TIMESTAMP;         -- UTC; until when it was true, NULL while it is
ALTER TABLE memories ADD COLUMN superseded_by VARCHAR;      -- memory_id of what replaced it
ALTER TABLE memories ADD COLUMN mark VARCHAR;               -- why it was kept all the same, where the gate said no
CREATE TABLE memory_versions (
    row_id     BIGINT NOT NULL,
    version    INTEGER NOT NULL,
    data       VARCHAR NOT NULL,
    context    VARCHAR NOT NULL,          -- JSON object
    tags       VARCHAR NOT NULL,          -- JSON array
    importance DOUBLE NOT NULL,
    drift      DOUBLE,                    -- of data against the origin; NULL: not measured
    cause      VARCHAR NOT NULL,          -- store, edit, merge, consolidate, repair, revert
    actor      VARCHAR NOT NULL,          -- identity_id of who changed it, or the part that did
    note       VARCHAR,                   -- what it was done for, in words
    created_at TIMESTAMP NOT NULL         -- UTC
);
