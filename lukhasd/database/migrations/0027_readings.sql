-- What the models make of the sentences that an answer may quote, so that it need not be computed while somebody waits.
CREATE TABLE memory_readings (
    row_id BIGINT NOT NULL,
    digest BIGINT NOT NULL,               -- of the sentence
    vector BLOB,                          -- float32, little-endian; null where the memory's own vector is used
    logits BLOB NOT NULL                  -- the guardian's classifier's, float32, little-endian
);
-- How far this has come; `made_by` names the models: with others it begins anew.
CREATE TABLE memory_read (sequence BIGINT NOT NULL, made_by VARCHAR NOT NULL);
INSERT INTO memory_read VALUES (0, '');
