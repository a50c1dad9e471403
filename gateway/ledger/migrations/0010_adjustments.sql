CREATE TABLE repricings (
    id          INTEGER PRIMARY KEY,
    made_ns     INTEGER NOT NULL,
    made_by     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    book        TEXT NOT NULL,
    since_ns    INTEGER NOT NULL,
    until_ns    INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    model       TEXT NOT NULL,
    adjustments INTEGER NOT NULL,
    link        INTEGER NOT NULL
) STRICT;
CREATE INDEX repricings_by_link ON repricings (link);
CREATE TABLE adjustments (
    repricing     INTEGER NOT NULL,
    call          TEXT NOT NULL,
    n             INTEGER NOT NULL,
    booked_ns     INTEGER NOT NULL,
    late          INTEGER NOT NULL,
    served        INTEGER NOT NULL,
    pricing       TEXT NOT NULL,
    price_version TEXT NOT NULL,
    why           TEXT NOT NULL,
    nano          INTEGER NOT NULL,
    list_nano     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    seal          BLOB NOT NULL,
    PRIMARY KEY (call, n, repricing)
) STRICT, WITHOUT ROWID;
CREATE INDEX adjustments_by_time ON adjustments (booked_ns);
CREATE INDEX adjustments_by_repricing ON adjustments (repricing);
CREATE TABLE adjusted_charges (
    repricing     INTEGER NOT NULL,
    call          TEXT NOT NULL,
    n             INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    sign          INTEGER NOT NULL,
    meter         TEXT NOT NULL,
    quantity      INTEGER NOT NULL,
    per           INTEGER NOT NULL,
    rate          INTEGER,
    list_rate     INTEGER,
    nano          INTEGER,
    list_nano     INTEGER,
    price_version TEXT NOT NULL,
    PRIMARY KEY (call, n, repricing, seq)
) STRICT, WITHOUT ROWID;
