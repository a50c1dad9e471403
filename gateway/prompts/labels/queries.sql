-- name: insert_move
INSERT INTO label_moves
    (prompt, label, from_place, to_place, at_ns, actor, reason, gate_run, rollback, forced)
VALUES (:prompt, :label, :from_place, :to_place, :at_ns, :actor, :reason, :gate_run, :rollback, :forced)
RETURNING *;

-- name: last_move
SELECT * FROM label_moves WHERE prompt = :prompt AND label = :label ORDER BY id DESC LIMIT 1;

-- name: list_moves
SELECT * FROM label_moves
WHERE prompt = :prompt AND (:label = '' OR label = :label) AND id > :after
ORDER BY id LIMIT :limit;

-- name: newest_move
SELECT coalesce(max(id), 0) AS id FROM label_moves;

-- name: positions
SELECT prompt, label, to_place FROM label_moves
WHERE id IN (SELECT max(id) FROM label_moves GROUP BY prompt, label) AND to_place <> '';

-- name: insert_run
INSERT INTO gate_runs (id, prompt, digest, against_digest, suite_digest, verdict, at_ns, actor, summary)
VALUES (:id, :prompt, :digest, :against_digest, :suite_digest, :verdict, :at_ns, :actor, :summary)
RETURNING *;

-- name: get_run
SELECT * FROM gate_runs WHERE id = :id;

-- name: newest_run
SELECT * FROM gate_runs
WHERE prompt = :prompt AND digest = :digest AND against_digest = :against_digest
ORDER BY seq DESC LIMIT 1;
