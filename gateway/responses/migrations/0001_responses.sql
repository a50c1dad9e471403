CREATE TABLE responses (
    tenant     TEXT NOT NULL,
    id         TEXT NOT NULL,
    previous   TEXT NOT NULL,
    target     TEXT NOT NULL,
    native     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    input      BLOB NOT NULL,
    response   BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX responses_by_expiry ON responses (expires_at);
