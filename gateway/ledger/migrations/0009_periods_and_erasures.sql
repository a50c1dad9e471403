CREATE TABLE periods (
    month      TEXT PRIMARY KEY,
    closed_ns  INTEGER NOT NULL,
    closed_by  TEXT NOT NULL,
    calls      INTEGER NOT NULL,
    cost_nano  INTEGER NOT NULL,
    list_nano  INTEGER NOT NULL,
    unpriced   INTEGER NOT NULL
) STRICT;
CREATE TABLE erasures (
    seq     INTEGER PRIMARY KEY,
    made_ns INTEGER NOT NULL,
    persons INTEGER NOT NULL,
    calls   INTEGER NOT NULL
) STRICT;
CREATE TABLE unsealed (
    calls INTEGER NOT NULL
) STRICT;
INSERT INTO unsealed (calls) SELECT count(*) FROM calls WHERE link = 0;
CREATE TABLE reseals (
    call TEXT PRIMARY KEY,
    link INTEGER NOT NULL,
    seal BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reseals_by_link ON reseals (link);
