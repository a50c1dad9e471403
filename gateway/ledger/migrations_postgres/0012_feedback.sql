-- What people and programs say of answers; and what a call is found by that they know.
ALTER TABLE calls
    ADD COLUMN obligations text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN response_id text COLLATE "C" NOT NULL DEFAULT '';
-- By the hour first: ids of answers come in no order, and so stay within the pages of their hour.
CREATE INDEX calls_by_response ON calls ((started_ns / 3600000000000), response_id) WHERE response_id <> '';
CREATE TABLE feedback (
    call       uuid NOT NULL,
    id         uuid NOT NULL,
    at_ns      bigint NOT NULL,
    tenant     text COLLATE "C" NOT NULL,
    team       text COLLATE "C" NOT NULL,
    person     bigint NOT NULL,
    metric     text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    score      double precision,
    label      text COLLATE "C" NOT NULL,
    labels     text COLLATE "C" NOT NULL,
    comment    text COLLATE "C" NOT NULL,
    correction text COLLATE "C" NOT NULL,
    PRIMARY KEY (call, id)
);
CREATE INDEX feedback_by_person ON feedback (person) WHERE person > 0;
