CREATE TABLE evals (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant           TEXT NOT NULL,
    id               TEXT NOT NULL UNIQUE,
    created_at       INTEGER NOT NULL,
    updated_ns       INTEGER NOT NULL,
    used_at          INTEGER NOT NULL,
    name             TEXT NOT NULL,
    metadata         BLOB NOT NULL,
    config           BLOB NOT NULL,
    criteria         BLOB NOT NULL,
    bytes            INTEGER NOT NULL
) STRICT;
CREATE INDEX evals_by_tenant ON evals (tenant, seq);
CREATE INDEX evals_by_use ON evals (used_at);
CREATE TABLE runs (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant        TEXT NOT NULL,
    eval_id       TEXT NOT NULL REFERENCES evals (id) ON DELETE CASCADE,
    id            TEXT NOT NULL UNIQUE,
    created_at    INTEGER NOT NULL,
    status        TEXT NOT NULL,
    owner         TEXT NOT NULL,
    lease_until   REAL NOT NULL,
    name          TEXT NOT NULL,
    model         TEXT NOT NULL,
    metadata      BLOB NOT NULL,
    error_code    TEXT NOT NULL DEFAULT '',
    error_message TEXT NOT NULL DEFAULT '',
    passed        INTEGER NOT NULL DEFAULT 0,
    failed        INTEGER NOT NULL DEFAULT 0,
    errored       INTEGER NOT NULL DEFAULT 0,
    tally         BLOB NOT NULL,
    bytes         INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_by_eval ON runs (eval_id, seq);
CREATE INDEX runs_by_tenant ON runs (tenant, bytes);
CREATE INDEX runs_by_age ON runs (created_at);
CREATE INDEX live_runs ON runs (lease_until) WHERE status IN ('queued', 'in_progress');
CREATE TABLE sources (
    run_id      TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    data_source BLOB NOT NULL
) STRICT;
CREATE TABLE items (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    id     TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    body   BLOB NOT NULL
) STRICT;
CREATE INDEX items_by_run ON items (run_id, seq);
CREATE TABLE files (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    told       INTEGER NOT NULL,
    name       TEXT NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;
CREATE INDEX files_by_tenant ON files (tenant, seq);
CREATE INDEX files_by_expiry ON files (expires_at);
