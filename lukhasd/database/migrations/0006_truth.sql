-- Which memories contradict which. A memory's valid_to and superseded_by follow from the rows in state superseded.
CREATE TABLE memory_conflicts (
    conflict_id   VARCHAR NOT NULL,
    owner         VARCHAR NOT NULL,
    older_row     BIGINT NOT NULL,
    older_id      VARCHAR NOT NULL,
    older_version INTEGER NOT NULL,       -- what was compared; another version is compared anew
    newer_row     BIGINT NOT NULL,
    newer_id      VARCHAR NOT NULL,
    newer_version INTEGER NOT NULL,
    state         VARCHAR NOT NULL,       -- superseded, flagged, dismissed, undone; released: one of the two is gone
    kept          VARCHAR NOT NULL,       -- newer, older, both: which of the two is true
    confidence    DOUBLE NOT NULL,
    evidence      VARCHAR NOT NULL,       -- JSON array of sentences
    created_at    TIMESTAMP NOT NULL,     -- UTC
    decided_at    TIMESTAMP,              -- UTC; NULL: flagged, nobody decided
    actor         VARCHAR NOT NULL        -- identity_id of who decided, or truth: this program
);
-- The last change that was compared with the rest. What was there before this table is not compared: nothing changes
-- in silence.
CREATE TABLE memory_judged (sequence BIGINT NOT NULL);
INSERT INTO memory_judged SELECT coalesce(max(sequence), 0) FROM memories;
