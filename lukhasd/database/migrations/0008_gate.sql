-- What the guardian kept from being stored: a secret, or an instruction to whoever reads it.
CREATE TABLE memory_quarantine (
    quarantine_id VARCHAR PRIMARY KEY,
    owner         VARCHAR NOT NULL,       -- identities.identity_id
    request       VARCHAR NOT NULL,       -- JSON object: the store request as it came; secrets in plain text
    shown         VARCHAR NOT NULL,       -- its texts with every secret masked: what is ever shown
    findings      VARCHAR NOT NULL,       -- JSON array
    content_hash  VARCHAR NOT NULL,       -- of type, data, query, context and tags
    created_at    TIMESTAMP NOT NULL      -- UTC
);
