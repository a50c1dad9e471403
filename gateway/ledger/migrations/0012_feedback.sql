-- What people and programs say of answers; and what a call is found by that they know.
ALTER TABLE calls ADD COLUMN obligations TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN response_id TEXT NOT NULL DEFAULT '';
-- By the hour first: ids of answers come in no order, and so stay within the pages of their hour.
CREATE INDEX calls_by_response ON calls (started_ns / 3600000000000, response_id) WHERE response_id <> '';
CREATE TABLE feedback (
    call       TEXT NOT NULL,
    id         TEXT NOT NULL,
    at_ns      INTEGER NOT NULL,
    tenant     TEXT NOT NULL,
    team       TEXT NOT NULL,
    person     INTEGER NOT NULL,
    metric     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    score      REAL,
    label      TEXT NOT NULL,
    labels     TEXT NOT NULL,
    comment    TEXT NOT NULL,
    correction TEXT NOT NULL,
    PRIMARY KEY (call, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX feedback_by_person ON feedback (person) WHERE person > 0;
