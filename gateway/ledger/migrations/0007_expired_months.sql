ALTER TABLE links ADD COLUMN expired_before_ns INTEGER;
