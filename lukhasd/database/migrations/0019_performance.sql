-- What was served: minutes of the last day, each a packed map from series to its tally; and answers by day.
CREATE TABLE performance_minutes (
    minute  TIMESTAMP PRIMARY KEY,
    tallies BLOB NOT NULL
);
CREATE TABLE performance_days (
    day      DATE PRIMARY KEY,
    answers  BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    timeouts BIGINT NOT NULL
);
