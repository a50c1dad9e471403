-- name: insert_key
INSERT INTO keys (id, digest, shown, name, owner, tenant, team, labels, created_at, expires_at)
VALUES (:id, :digest, :shown, :name, :owner, :tenant, :team, :labels, :created_at, :expires_at);

-- name: get_key
SELECT * FROM keys WHERE id = :id;

-- name: list_keys
SELECT * FROM keys WHERE id > :after ORDER BY id LIMIT :limit;

-- name: live_keys
SELECT id, digest, owner, tenant, team, labels, expires_at FROM keys WHERE revoked_at IS NULL;

-- name: revoke_key
UPDATE keys SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL;

-- name: rotate_key
UPDATE keys SET rotated_to = :rotated_to, expires_at = min(coalesce(expires_at, :expires_at), :expires_at)
WHERE id = :id;

-- name: insert_audit
INSERT INTO audit (at, actor, action, object, details) VALUES (:at, :actor, :action, :object, :details);

-- name: list_audit
SELECT * FROM audit WHERE id > :after ORDER BY id LIMIT :limit;
