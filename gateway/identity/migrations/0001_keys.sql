CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE,
    shown      TEXT NOT NULL,
    name       TEXT NOT NULL,
    owner      TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    team       TEXT NOT NULL,
    labels     TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL,
    rotated_to TEXT REFERENCES keys (id)
) STRICT;
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      REAL NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
