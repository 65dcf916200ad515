-- Addresses that events are posted to, and what was posted or waits to be. No secret is here: each is made of a key that
-- the database does not hold, the webhook's id and its nonce.
CREATE TABLE webhooks (
    webhook_id      VARCHAR NOT NULL,
    owner           VARCHAR NOT NULL,     -- identities.identity_id
    lambda_id       VARCHAR NOT NULL,
    url             VARCHAR NOT NULL,
    events          VARCHAR NOT NULL,     -- JSON list, as symbols is
    symbols         VARCHAR NOT NULL,
    description     VARCHAR NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    nonce           VARCHAR NOT NULL,
    digest          VARCHAR NOT NULL,     -- SHA-256 of the secret: tells whether the key is still the same
    previous_nonce  VARCHAR,
    previous_digest VARCHAR,
    previous_until  TIMESTAMP,
    dropped         BIGINT NOT NULL,      -- events that were never queued
    untold          BIGINT NOT NULL       -- of those, what no delivery has told of yet
);
CREATE TABLE webhook_deliveries (
    seq         BIGINT NOT NULL,
    delivery_id VARCHAR NOT NULL,
    webhook_id  VARCHAR NOT NULL,
    owner       VARCHAR NOT NULL,
    event       VARCHAR NOT NULL,
    body        VARCHAR NOT NULL,         -- the JSON that is posted
    state       VARCHAR NOT NULL,
    attempts    INTEGER NOT NULL,
    replays     INTEGER NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    due_at      TIMESTAMP,                -- null once it has ended
    tried_at    TIMESTAMP,
    http_status INTEGER,
    duration_ms DOUBLE,
    error       VARCHAR
);
