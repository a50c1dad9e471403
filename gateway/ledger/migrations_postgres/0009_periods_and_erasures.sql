CREATE TABLE periods (
    month     text COLLATE "C" PRIMARY KEY,
    closed_ns bigint NOT NULL,
    closed_by text NOT NULL,
    calls     bigint NOT NULL,
    cost_nano bigint NOT NULL,
    list_nano bigint NOT NULL,
    unpriced  bigint NOT NULL
);
CREATE TABLE erasures (
    seq     bigint PRIMARY KEY,
    made_ns bigint NOT NULL,
    persons bigint NOT NULL,
    calls   bigint NOT NULL
);
CREATE TABLE unsealed (
    calls bigint NOT NULL
);
INSERT INTO unsealed (calls) VALUES (0);
CREATE TABLE reseals (
    call uuid PRIMARY KEY,
    link bigint NOT NULL,
    seal bytea NOT NULL
);
CREATE INDEX reseals_by_link ON reseals (link);
