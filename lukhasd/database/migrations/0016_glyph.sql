-- Symbols besides the eight, and the envelopes that passed the bus.
CREATE TABLE glyph_symbols (
    symbol        VARCHAR NOT NULL,
    meaning       VARCHAR NOT NULL,
    used_by       VARCHAR NOT NULL,       -- JSON list
    names         VARCHAR NOT NULL,       -- JSON: language → list
    registered_by VARCHAR NOT NULL        -- identities.identity_id
);
CREATE TABLE audit (
    seq      BIGINT NOT NULL,             -- in the order of writing
    made_at  TIMESTAMP NOT NULL,
    owner    VARCHAR NOT NULL,            -- identities.identity_id: whom it concerns
    symbol   VARCHAR NOT NULL,
    module   VARCHAR NOT NULL,            -- that it comes from
    action   VARCHAR NOT NULL,
    envelope VARCHAR NOT NULL             -- JSON of the token, without what one from outside carried
);
