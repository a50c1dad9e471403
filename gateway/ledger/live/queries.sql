-- name: outcome
-- What a target said no to, though it was the caller's to mend: an arm that takes less is not to look better for it.
CASE WHEN {of}.outcome = 'refused' AND substr({of}.error_code, 1, 9) = 'upstream_' THEN 'failed' ELSE {of}.outcome END

-- name: shape
    calls.id, calls.started_ns, calls.variant, calls.target, coalesce(first_asked.target, '') AS first_target,
    coalesce(answered.role, '') AS served_role, calls.prompt_id, calls.person, calls.key_id, calls.run_id,
    {outcome} AS outcome, calls.finish_reason, calls.stream, calls.cache, calls.pricing, calls.cost_nano,
    calls.ttfb_us, calls.duration_us,
    calls.input_tokens + calls.cached_input_tokens + calls.cache_write_tokens + calls.input_audio_tokens
        + calls.input_image_tokens + calls.cached_audio_tokens AS input_tokens,
    calls.output_tokens + calls.reasoning_tokens + calls.output_audio_tokens + calls.output_image_tokens
        AS output_tokens

-- name: attempts
    LEFT JOIN attempts AS first_asked ON first_asked.call = calls.id AND first_asked.role = 'primary'
    LEFT JOIN attempts AS answered ON answered.call = calls.id AND answered.served = 1

-- name: of_traffic
calls.id >= :first_id AND calls.id < :after_id AND calls.started_ns >= :first AND calls.started_ns < :after
    AND calls.variant <> 'mirror' AND {outcome} IN ('completed', 'failed', 'cancelled') {subject}

-- name: calls
SELECT {shape}, NULL AS score, 0 AS said_ns
FROM calls {attempts}
WHERE {of_traffic}
ORDER BY calls.started_ns, calls.id;

-- name: rated
-- A call of which several people spoke counts once, by their mean, when the first of them had spoken.
SELECT {shape}, said.score, said.said_ns
FROM (
    SELECT rated_call, rated_tenant, rated_team, avg(rated_score) AS score, min(rated_ns) AS said_ns
    FROM ({in_force}) AS rated
    WHERE rated_kind IN ({kinds}) AND rated_score IS NOT NULL
    GROUP BY rated_call, rated_tenant, rated_team
) AS said
    JOIN calls ON calls.id = said.rated_call AND calls.tenant = said.rated_tenant AND calls.team = said.rated_team
    {attempts}
WHERE {of_traffic}
ORDER BY said.said_ns, calls.id;

-- name: copied_sqlite
calls.client_request_id

-- name: copied_postgres
CASE WHEN calls.variant = 'mirror' THEN CAST(calls.client_request_id AS uuid) END

-- name: mirrored
SELECT
    calls.started_ns, calls.model, calls.outcome, calls.finish_reason, calls.stream, calls.ttfb_us, calls.duration_us,
    coalesce(asked.target, '') AS target, asked.cost_nano, coalesce(asked.pricing, 'none') AS pricing,
    {own_outcome} AS own_outcome, own.finish_reason AS own_finish_reason, own.pricing AS own_pricing,
    own.cost_nano AS own_cost_nano, own.ttfb_us AS own_ttfb_us, own.duration_us AS own_duration_us
FROM calls
    JOIN calls AS own ON own.id = {copied} AND own.tenant = calls.tenant AND own.team = calls.team
    LEFT JOIN attempts AS asked ON asked.call = calls.id AND asked.role = 'mirror'
WHERE calls.id >= :first_id AND calls.id < :after_id AND calls.started_ns >= :first AND calls.started_ns < :after
    AND calls.variant = 'mirror' AND calls.route = :route AND calls.outcome IN ('completed', 'failed')
    AND {own_outcome} IN ('completed', 'failed')
ORDER BY calls.started_ns, calls.id;

-- name: arms
SELECT calls.variant, calls.prompt_id, coalesce(first_asked.target, '') AS first_target, count(*) AS calls
FROM calls LEFT JOIN attempts AS first_asked ON first_asked.call = calls.id AND first_asked.role = 'primary'
WHERE {of_traffic}
GROUP BY 1, 2, 3;

-- name: mirrors
SELECT calls.model, count(*) AS calls
FROM calls
WHERE calls.id >= :first_id AND calls.id < :after_id AND calls.started_ns >= :first AND calls.started_ns < :after
    AND calls.variant = 'mirror' AND calls.route = :route AND calls.outcome IN ('completed', 'failed')
GROUP BY 1;
