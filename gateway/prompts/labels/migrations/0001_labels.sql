CREATE TABLE label_moves (
    id         INTEGER PRIMARY KEY,
    prompt     TEXT NOT NULL,
    label      TEXT NOT NULL,
    from_place TEXT NOT NULL,
    to_place   TEXT NOT NULL,
    at_ns      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    gate_run   TEXT NOT NULL,
    rollback   INTEGER NOT NULL,
    forced     INTEGER NOT NULL
) STRICT;
CREATE INDEX label_moves_by_label ON label_moves (prompt, label, id);
CREATE TRIGGER label_moves_are_not_changed BEFORE UPDATE ON label_moves
BEGIN SELECT RAISE(ABORT, 'moves of labels are append-only'); END;
CREATE TRIGGER label_moves_are_not_deleted BEFORE DELETE ON label_moves
BEGIN SELECT RAISE(ABORT, 'moves of labels are append-only'); END;
CREATE TABLE gate_runs (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    prompt         TEXT NOT NULL,
    digest         TEXT NOT NULL,
    against_digest TEXT NOT NULL,
    suite_digest   TEXT NOT NULL,
    verdict        TEXT NOT NULL,
    at_ns          INTEGER NOT NULL,
    actor          TEXT NOT NULL,
    summary        TEXT NOT NULL
) STRICT;
CREATE INDEX gate_runs_by_pair ON gate_runs (prompt, digest, against_digest, seq);
CREATE TRIGGER gate_runs_are_not_changed BEFORE UPDATE ON gate_runs
BEGIN SELECT RAISE(ABORT, 'runs of gates are append-only'); END;
CREATE TRIGGER gate_runs_are_not_deleted BEFORE DELETE ON gate_runs
BEGIN SELECT RAISE(ABORT, 'runs of gates are append-only'); END;
