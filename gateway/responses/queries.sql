-- name: put
INSERT INTO responses (tenant, id, previous, target, native, expires_at, input, response)
VALUES (:tenant, :id, :previous, :target, :native, :expires_at, :input, :response)
ON CONFLICT (tenant, id) DO NOTHING;

-- name: get
SELECT * FROM responses WHERE tenant = :tenant AND id = :id AND expires_at > :now;

-- name: chain
WITH RECURSIVE chain (depth, id) AS (
    SELECT 0, :id
    UNION ALL
    SELECT depth + 1, previous FROM responses JOIN chain USING (id)
    WHERE tenant = :tenant AND previous <> '' AND depth < :limit
)
SELECT responses.* FROM chain JOIN responses ON responses.tenant = :tenant AND responses.id = chain.id
ORDER BY depth DESC;

-- name: keep
UPDATE responses SET expires_at = :expires_at WHERE tenant = :tenant AND id = :id AND expires_at < :expires_at;

-- name: delete
DELETE FROM responses WHERE tenant = :tenant AND id = :id AND expires_at > :now;

-- name: sweep
DELETE FROM responses WHERE expires_at <= :now;
