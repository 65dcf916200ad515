-- What was dreamt. `cited` are the memories whose words it may hold: a dream goes when one of them is forgotten.
CREATE TABLE dreams (
    dream_id   VARCHAR NOT NULL,
    owner      VARCHAR NOT NULL,          -- identities.identity_id
    cited      VARCHAR NOT NULL,          -- JSON list of memory ids
    dream      VARCHAR NOT NULL,          -- JSON, as the contract has it
    created_at TIMESTAMP NOT NULL         -- UTC
);
-- What consolidating came to, and what undoes it.
CREATE TABLE consolidations (
    consolidation_id VARCHAR NOT NULL,
    owner            VARCHAR NOT NULL,
    state            VARCHAR NOT NULL,    -- preview, applied, rolled_back, undone
    cited            VARCHAR NOT NULL,    -- JSON list of memory ids
    report           VARCHAR NOT NULL,    -- JSON, as the contract has it
    changes          VARCHAR NOT NULL,    -- JSON: each change as what it was before
    created_at       TIMESTAMP NOT NULL
);
