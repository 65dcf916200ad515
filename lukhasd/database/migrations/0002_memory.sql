-- Rows are the truth; the text and vector indexes beside the database can be rebuilt from them.
-- `sequence` numbers every change: an index that contains n needs only the rows and deletions beyond n.
CREATE TABLE memories (
    row_id       BIGINT PRIMARY KEY,      -- the indexes' number; never used again
    sequence     BIGINT NOT NULL,         -- of the last change to this row
    memory_id    VARCHAR NOT NULL UNIQUE,
    helix_id     VARCHAR NOT NULL,
    owner        VARCHAR NOT NULL,        -- identities.identity_id
    type         VARCHAR NOT NULL,
    origin       VARCHAR NOT NULL,        -- what was first stored: never changes
    current      VARCHAR NOT NULL,        -- what it says now
    drift        DOUBLE,                  -- of current against origin, written with each change; NULL before the first
    context      VARCHAR NOT NULL,        -- JSON object
    query        VARCHAR,
    tags         VARCHAR NOT NULL,        -- JSON array
    importance   DOUBLE NOT NULL,
    event_at     TIMESTAMP NOT NULL,      -- UTC
    created_at   TIMESTAMP NOT NULL,      -- UTC
    content_hash VARCHAR NOT NULL         -- of type, data, query, context and tags
);
CREATE TABLE memory_deletions (
    sequence   BIGINT NOT NULL,
    row_id     BIGINT NOT NULL
);
CREATE TABLE memory_vectors (
    row_id     BIGINT NOT NULL,
    chunk      INTEGER NOT NULL,
    embedder   VARCHAR NOT NULL,
    vector     BLOB NOT NULL              -- little-endian float32, length 1
);
CREATE TABLE memory_access (
    row_id        BIGINT PRIMARY KEY,
    access_count  BIGINT NOT NULL,
    last_accessed TIMESTAMP NOT NULL      -- UTC
);
