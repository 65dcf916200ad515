-- Long work that outlives a restart. How far it is is counted from its results.
CREATE TABLE jobs (
    job_id     VARCHAR NOT NULL,
    owner      VARCHAR NOT NULL,          -- identities.identity_id
    lambda_id  VARCHAR NOT NULL,
    tier       VARCHAR NOT NULL,          -- of the credential that asked for it
    unlimited  BOOLEAN NOT NULL,          -- no rate limit applies to it
    kind       VARCHAR NOT NULL,
    state      VARCHAR NOT NULL,
    request    VARCHAR,                   -- JSON, as the kind has it; null once it is done
    total      BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    started_at TIMESTAMP,
    ended_at   TIMESTAMP,
    problem    VARCHAR,
    begun      INTEGER NOT NULL,          -- times in a row that it began with as many results as the time before
    reached    BIGINT NOT NULL            -- results that it had when it last began
);
CREATE TABLE job_results (
    job_id    VARCHAR NOT NULL,
    owner     VARCHAR NOT NULL,
    number    BIGINT NOT NULL,            -- of the item, from 0
    failed    BOOLEAN NOT NULL,
    result    VARCHAR,                    -- JSON; null once a memory that it quotes is forgotten
    cited     VARCHAR NOT NULL,           -- JSON list of memory ids
    stored_at TIMESTAMP NOT NULL
);
