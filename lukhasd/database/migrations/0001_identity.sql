CREATE TABLE identities (
    identity_id VARCHAR PRIMARY KEY,   -- UUID; the ΛiD is only its display form
    lambda_id   VARCHAR NOT NULL,
    tier        VARCHAR NOT NULL,
    password    VARCHAR,               -- Argon2id
    created_at  TIMESTAMP NOT NULL
);
