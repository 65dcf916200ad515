CREATE TABLE interactions (
    interaction_id VARCHAR PRIMARY KEY,
    owner          VARCHAR NOT NULL,     -- identities.identity_id
    user_id        VARCHAR,
    session_id     VARCHAR,
    previous_id    VARCHAR,
    input          VARCHAR NOT NULL,
    response       VARCHAR NOT NULL,
    intent         VARCHAR NOT NULL,
    answer_source  VARCHAR NOT NULL,
    cited          VARCHAR NOT NULL,     -- JSON array of memory ids
    decision       VARCHAR NOT NULL,
    duration_ms    DOUBLE NOT NULL,
    created_at     TIMESTAMP NOT NULL
);

CREATE TABLE folds (
    fold_id        VARCHAR PRIMARY KEY,
    interaction_id VARCHAR NOT NULL,
    owner          VARCHAR NOT NULL,
    parents        VARCHAR NOT NULL,     -- JSON array of memory ids
    importance     DOUBLE NOT NULL,
    valence        DOUBLE,
    state          VARCHAR NOT NULL,     -- active, archived, quarantined
    reason         VARCHAR,
    created_at     TIMESTAMP NOT NULL
);
