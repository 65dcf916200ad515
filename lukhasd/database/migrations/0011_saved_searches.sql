-- Searches that are kept under a name. The request is checked anew each time it is asked.
CREATE TABLE saved_searches (
    owner      VARCHAR NOT NULL,          -- identities.identity_id
    name       VARCHAR NOT NULL,
    request    VARCHAR NOT NULL,          -- JSON object: a search request
    created_at TIMESTAMP NOT NULL,        -- UTC
    PRIMARY KEY (owner, name)
);
