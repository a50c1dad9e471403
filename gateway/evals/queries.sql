-- name: insert_eval
INSERT INTO evals (tenant, id, created_at, updated_ns, used_at, name, metadata, config, criteria, bytes)
VALUES (:tenant, :id, :created_at, :updated_ns, :created_at, :name, :metadata, :config, :criteria, :bytes);

-- name: get_eval
SELECT * FROM evals WHERE tenant = :tenant AND id = :id;

-- name: update_eval
UPDATE evals SET name = :name, metadata = :metadata, updated_ns = :updated_ns, used_at = :used_at
WHERE tenant = :tenant AND id = :id;

-- name: use_eval
UPDATE evals SET used_at = :used_at WHERE tenant = :tenant AND id = :id;

-- name: delete_eval
DELETE FROM evals WHERE tenant = :tenant AND id = :id;

-- name: evals_by_creation_asc
SELECT * FROM evals WHERE tenant = :tenant AND (:after IS NULL OR seq > :after) ORDER BY seq LIMIT :limit;

-- name: evals_by_creation_desc
SELECT * FROM evals WHERE tenant = :tenant AND (:after IS NULL OR seq < :after) ORDER BY seq DESC LIMIT :limit;

-- name: evals_by_update_asc
SELECT * FROM evals
WHERE tenant = :tenant AND (:after IS NULL OR (updated_ns, seq) > (:updated_ns, :after))
ORDER BY updated_ns, seq LIMIT :limit;

-- name: evals_by_update_desc
SELECT * FROM evals
WHERE tenant = :tenant AND (:after IS NULL OR (updated_ns, seq) < (:updated_ns, :after))
ORDER BY updated_ns DESC, seq DESC LIMIT :limit;

-- name: held
SELECT
    (SELECT count(*) FROM evals WHERE tenant = :tenant) AS evals,
    (SELECT count(*) FROM runs WHERE tenant = :tenant) AS runs,
    (SELECT count(*) FROM runs WHERE tenant = :tenant AND status IN ('queued', 'in_progress')) AS live,
    (SELECT count(*) FROM files WHERE tenant = :tenant) AS files,
    (SELECT coalesce(sum(bytes), 0) FROM evals WHERE tenant = :tenant)
    + (SELECT coalesce(sum(bytes), 0) FROM runs WHERE tenant = :tenant)
    + (SELECT coalesce(sum(bytes), 0) FROM files WHERE tenant = :tenant) AS bytes;

-- name: insert_run
INSERT INTO runs (tenant, eval_id, id, created_at, status, owner, lease_until, name, model, metadata, tally, bytes)
VALUES (:tenant, :eval_id, :id, :created_at, 'queued', :owner, :lease_until, :name, :model, :metadata, :tally, :bytes);

-- name: insert_source
INSERT INTO sources (run_id, data_source) VALUES (:id, :data_source);

-- name: get_run
SELECT runs.*, data_source FROM runs JOIN sources ON run_id = id
WHERE tenant = :tenant AND eval_id = :eval_id AND id = :id;

-- name: runs_asc
SELECT runs.*, data_source FROM runs JOIN sources ON run_id = id
WHERE tenant = :tenant AND eval_id = :eval_id AND (:status = '' OR status = :status)
    AND (:after IS NULL OR seq > :after)
ORDER BY seq LIMIT :limit;

-- name: runs_desc
SELECT runs.*, data_source FROM runs JOIN sources ON run_id = id
WHERE tenant = :tenant AND eval_id = :eval_id AND (:status = '' OR status = :status)
    AND (:after IS NULL OR seq < :after)
ORDER BY seq DESC LIMIT :limit;

-- name: delete_run
DELETE FROM runs WHERE tenant = :tenant AND eval_id = :eval_id AND id = :id;

-- name: start_run
UPDATE runs SET status = 'in_progress', lease_until = :lease_until WHERE id = :id AND status = 'queued';

-- name: end_run
UPDATE runs SET status = :status, error_code = :error_code, error_message = :error_message
WHERE id = :id AND status IN ('queued', 'in_progress');

-- name: end_runs_of
UPDATE runs SET status = 'failed', error_code = :error_code, error_message = :error_message
WHERE owner = :owner AND status IN ('queued', 'in_progress');

-- name: end_lost_runs
UPDATE runs SET status = 'failed', error_code = :error_code, error_message = :error_message
WHERE status IN ('queued', 'in_progress') AND lease_until < :now
RETURNING id;

-- name: renew_leases
UPDATE runs SET lease_until = :lease_until
WHERE owner = :owner AND status IN ('queued', 'in_progress')
RETURNING id;

-- name: insert_item
INSERT INTO items (run_id, id, status, body) VALUES (:run_id, :id, :status, :body);

-- name: count_item
UPDATE runs SET passed = passed + :passed, failed = failed + :failed, errored = errored + :errored, tally = :tally,
    bytes = bytes + :bytes
WHERE id = :id AND status = 'in_progress';

-- name: get_item
SELECT items.* FROM items JOIN runs ON runs.id = items.run_id
WHERE runs.tenant = :tenant AND runs.eval_id = :eval_id AND runs.id = :run_id AND items.id = :id;

-- name: items_asc
SELECT * FROM items
WHERE run_id = :run_id AND (:status = '' OR status = :status) AND (:after IS NULL OR seq > :after)
ORDER BY seq LIMIT :limit;

-- name: items_desc
SELECT * FROM items
WHERE run_id = :run_id AND (:status = '' OR status = :status) AND (:after IS NULL OR seq < :after)
ORDER BY seq DESC LIMIT :limit;

-- name: insert_file
INSERT INTO files (tenant, id, created_at, expires_at, told, name, bytes)
VALUES (:tenant, :id, :created_at, :expires_at, :told, :name, :bytes);

-- name: get_file
SELECT * FROM files WHERE tenant = :tenant AND id = :id AND expires_at > :now;

-- name: files_asc
SELECT * FROM files
WHERE tenant = :tenant AND expires_at > :now AND (:after IS NULL OR seq > :after)
ORDER BY seq LIMIT :limit;

-- name: files_desc
SELECT * FROM files
WHERE tenant = :tenant AND expires_at > :now AND (:after IS NULL OR seq < :after)
ORDER BY seq DESC LIMIT :limit;

-- name: delete_file
DELETE FROM files WHERE tenant = :tenant AND id = :id;

-- name: file_ids
SELECT id FROM files;

-- name: forget_runs
DELETE FROM runs WHERE created_at < :before AND status NOT IN ('queued', 'in_progress');

-- name: forget_evals
DELETE FROM evals WHERE used_at < :before AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.eval_id = evals.id);

-- name: forget_files
DELETE FROM files WHERE expires_at <= :now;
