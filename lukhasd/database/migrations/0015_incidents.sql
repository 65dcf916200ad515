-- What the guardian refused for a grave reason, grouped, and how far along the verdict log that was looked for.
CREATE TABLE incidents (
    incident_id    VARCHAR NOT NULL,
    status         VARCHAR NOT NULL,
    rule           VARCHAR NOT NULL,
    category       VARCHAR NOT NULL,
    severity       VARCHAR NOT NULL,
    owner          VARCHAR,               -- the identity that asked; null: the daemon itself
    who            VARCHAR,
    session_id     VARCHAR,
    count          BIGINT NOT NULL,
    first_seen     TIMESTAMP NOT NULL,
    last_seen      TIMESTAMP NOT NULL,
    validation_ids VARCHAR[] NOT NULL,    -- the last ones, newest last
    resolved_at    TIMESTAMP,
    resolved_by    VARCHAR,
    note           VARCHAR
);
-- One row: the last entry of the verdict log that was looked at.
CREATE TABLE incidents_progress (seq BIGINT NOT NULL);
INSERT INTO incidents_progress VALUES (0);
