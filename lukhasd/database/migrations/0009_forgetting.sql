-- What was asked to be forgotten. The receipt holds counts and never a word of the text; NULL: not finished, so that
-- the next start rewrites the files.
CREATE TABLE memory_erasures (
    erasure_id   VARCHAR PRIMARY KEY,
    owner        VARCHAR NOT NULL,
    requested_at TIMESTAMP NOT NULL,      -- UTC
    receipt      VARCHAR                  -- JSON object
);
