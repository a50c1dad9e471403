CREATE TABLE events (
    id   TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    key  TEXT NOT NULL UNIQUE,
    at   REAL NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
    event    TEXT NOT NULL,
    webhook  TEXT NOT NULL,
    state    TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    due      REAL NOT NULL,
    said     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (event, webhook)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (webhook, due) WHERE state = 'pending';
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
