-- How a call found its answer.
ALTER TABLE calls
    ADD COLUMN route text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN variant text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN cache text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN saved_nano bigint,
    ADD COLUMN guards text COLLATE "C" NOT NULL DEFAULT '';
