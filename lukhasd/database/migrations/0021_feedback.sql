-- Feedback on answers: one for each interaction at most.
CREATE TABLE feedback (
    feedback_id    VARCHAR NOT NULL,
    owner          VARCHAR NOT NULL,
    interaction_id VARCHAR NOT NULL,
    rating         VARCHAR NOT NULL,
    style          VARCHAR,               -- what was wished for
    comment        VARCHAR,
    created_at     TIMESTAMP NOT NULL
);
-- What an identity set itself; feedback from before `set_at` shifts that setting no more.
CREATE TABLE feedback_styles (
    owner   VARCHAR NOT NULL,
    setting VARCHAR NOT NULL,
    value   VARCHAR,                      -- null: set back to the default
    set_at  TIMESTAMP NOT NULL
);
