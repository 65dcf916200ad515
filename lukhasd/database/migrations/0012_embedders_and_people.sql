-- Whose vectors there are besides the packaged embedder's. No row is serving: the packaged one's are searched.
CREATE TABLE memory_embedders (
    name             VARCHAR PRIMARY KEY,  -- memory_vectors.embedder
    base_url         VARCHAR,              -- NULL: the packaged one
    model            VARCHAR,
    asked_dimensions INTEGER NOT NULL,     -- what its endpoint is asked for; 0: the model's own
    dimensions       INTEGER NOT NULL,
    serving          BOOLEAN NOT NULL,     -- its vectors are complete and searched; at most one
    since            TIMESTAMP NOT NULL    -- UTC; chosen, or serving since then
);
ALTER TABLE identities ADD COLUMN name VARCHAR;     -- besides the ΛiD; NULL: the machine's owner has none
