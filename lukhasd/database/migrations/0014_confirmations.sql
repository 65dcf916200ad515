-- Which flagged contradictions a language model was asked about, so that it is not asked again.
CREATE TABLE memory_confirmations (
    conflict_id VARCHAR NOT NULL,
    model       VARCHAR NOT NULL,
    attempts    INTEGER NOT NULL,     -- questions that it failed on
    done        BOOLEAN NOT NULL,     -- it answered, or the two are nothing to show to a model
    PRIMARY KEY (conflict_id, model)
);
