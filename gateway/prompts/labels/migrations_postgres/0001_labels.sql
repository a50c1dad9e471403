CREATE TABLE label_moves (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prompt     text COLLATE "C" NOT NULL,
    label      text COLLATE "C" NOT NULL,
    from_place text NOT NULL,
    to_place   text NOT NULL,
    at_ns      bigint NOT NULL,
    actor      text NOT NULL,
    reason     text NOT NULL,
    gate_run   text NOT NULL,
    rollback   bigint NOT NULL,
    forced     bigint NOT NULL
);
CREATE INDEX label_moves_by_label ON label_moves (prompt, label, id);
CREATE TABLE gate_runs (
    seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             text COLLATE "C" NOT NULL UNIQUE,
    prompt         text COLLATE "C" NOT NULL,
    digest         text COLLATE "C" NOT NULL,
    against_digest text COLLATE "C" NOT NULL,
    suite_digest   text NOT NULL,
    verdict        text NOT NULL,
    at_ns          bigint NOT NULL,
    actor          text NOT NULL,
    summary        text NOT NULL
);
CREATE INDEX gate_runs_by_pair ON gate_runs (prompt, digest, against_digest, seq);
CREATE FUNCTION prompts_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER label_moves_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON label_moves
    FOR EACH STATEMENT EXECUTE FUNCTION prompts_append_only();
CREATE TRIGGER gate_runs_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gate_runs
    FOR EACH STATEMENT EXECUTE FUNCTION prompts_append_only();
