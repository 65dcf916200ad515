CREATE TABLE identities (
    identity_id  VARCHAR PRIMARY KEY,   -- UUID; the ΛiD is only its display form
    lambda_id    VARCHAR NOT NULL,
    tier         VARCHAR NOT NULL,
    password     VARCHAR,               -- Argon2id
    failures     INTEGER NOT NULL,      -- wrong passwords in a row
    locked_until TIMESTAMP,
    created_at   TIMESTAMP NOT NULL
);

CREATE TABLE api_keys (
    key_id       VARCHAR PRIMARY KEY,
    identity_id  VARCHAR NOT NULL,
    name         VARCHAR NOT NULL,
    tier         VARCHAR NOT NULL,
    digest       VARCHAR NOT NULL,      -- SHA-256 of the key, in hex
    is_local     BOOLEAN NOT NULL,      -- the command line's own
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP,
    last_used_at TIMESTAMP
);

CREATE TABLE token_families (
    family_id    VARCHAR PRIMARY KEY,   -- one login and all that was refreshed from it
    identity_id  VARCHAR NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    revoked_at   TIMESTAMP
);

CREATE TABLE refresh_tokens (
    digest       VARCHAR PRIMARY KEY,   -- SHA-256 of the token, in hex
    family_id    VARCHAR NOT NULL,
    issued_at    TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    used_at      TIMESTAMP
);
