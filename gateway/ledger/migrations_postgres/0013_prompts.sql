-- What a call's request was made of.
ALTER TABLE calls
    ADD COLUMN prompt_digest text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN prompt_label text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN prompt_variables text COLLATE "C" NOT NULL DEFAULT '';
