-- What a call's request was made of.
ALTER TABLE calls ADD COLUMN prompt_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN prompt_label TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN prompt_variables TEXT NOT NULL DEFAULT '';
