-- name: put
INSERT INTO pairs (
    id, call, at_ns, tenant, team, route, operation, stream, model, prompt_id, primary_target, primary_served_model,
    primary_ttfb_us, primary_duration_us, primary_cost_nano, mirror_model, mirror_target, mirror_served_model,
    mirror_ttfb_us, mirror_duration_us, mirror_cost_nano, size, request, primary_answer, mirror_answer, user
) VALUES (
    :id, :call, :at_ns, :tenant, :team, :route, :operation, :stream, :model, :prompt_id, :primary_target,
    :primary_served_model, :primary_ttfb_us, :primary_duration_us, :primary_cost_nano, :mirror_model, :mirror_target,
    :mirror_served_model, :mirror_ttfb_us, :mirror_duration_us, :mirror_cost_nano, :size, :request, :primary_answer,
    :mirror_answer, :user
)
ON CONFLICT (id) DO NOTHING;

-- name: expire
DELETE FROM pairs WHERE at_ns < :before_ns;

-- name: trim
DELETE FROM pairs WHERE id IN (
    SELECT id FROM (
        SELECT id,
            row_number() OVER latest AS pairs,
            sum(size) OVER latest    AS bytes
        FROM pairs INDEXED BY pairs_by_age
        WINDOW latest AS (ORDER BY at_ns DESC, id DESC ROWS UNBOUNDED PRECEDING)
    )
    WHERE pairs > :max_pairs OR bytes > :max_bytes
);

-- name: page
SELECT id, call, at_ns, tenant, team, route, operation, stream, model, prompt_id, primary_target, primary_served_model,
    primary_ttfb_us, primary_duration_us, primary_cost_nano, mirror_model, mirror_target, mirror_served_model,
    mirror_ttfb_us, mirror_duration_us, mirror_cost_nano, size
FROM pairs
WHERE (:route = '' OR route = :route)
    AND (:model = '' OR mirror_model = :model)
    AND (:tenant = '' OR tenant = :tenant)
    AND (at_ns, id) < (:before_ns, :before_id)
ORDER BY at_ns DESC, id DESC LIMIT :limit;

-- name: get
SELECT * FROM pairs WHERE id = :id;

-- name: forget
DELETE FROM pairs WHERE user = :user AND (:tenant = '' OR tenant = :tenant);
