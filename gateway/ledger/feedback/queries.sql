-- name: call
SELECT id, response_id, trace_id, obligations FROM calls WHERE id = :id AND tenant = :tenant AND team = :team;

-- name: call_of_response
-- Whose it is, is asked in such a way that no index on that is used instead.
SELECT id, response_id, trace_id, obligations FROM calls
WHERE started_ns / 3600000000000 IN ({hours}) AND response_id IN ({names}) AND response_id <> ''
    AND tenant || '' = :tenant AND team || '' = :team
ORDER BY started_ns DESC, id DESC
LIMIT 1;

-- name: in_force
SELECT
    feedback.call AS rated_call, feedback.tenant AS rated_tenant, feedback.team AS rated_team,
    feedback.metric AS rated_metric, feedback.kind AS rated_kind, feedback.score AS rated_score,
    feedback.label AS rated_label, feedback.at_ns AS rated_ns
FROM feedback
WHERE feedback.call >= :first_id AND feedback.call < :after_id AND feedback.metric = :metric
    AND NOT EXISTS ({later})

-- name: later
SELECT 1 FROM feedback AS later
WHERE later.call = feedback.call AND later.metric = feedback.metric AND later.person = feedback.person
    AND later.tenant = feedback.tenant AND later.team = feedback.team
    AND (later.at_ns > feedback.at_ns OR (later.at_ns = feedback.at_ns AND later.id > feedback.id))

-- name: joined
({in_force}) AS rated
    JOIN calls ON calls.id = rated_call AND calls.tenant = rated_tenant AND calls.team = rated_team
WHERE calls.id >= :first_id AND calls.id < :after_id AND calls.started_ns >= :first AND calls.started_ns < :after
    {filters}

-- name: ratings
SELECT
    {columns}
    count(*) AS feedback,
    count(*) FILTER (WHERE rated_kind IN ('thumbs', 'bool') AND rated_score = 1) AS up,
    count(*) FILTER (WHERE rated_kind IN ('thumbs', 'bool') AND rated_score = 0) AS down,
    count(*) FILTER (WHERE rated_kind = 'score') AS scores,
    sum(CASE WHEN rated_kind = 'score' THEN rated_score ELSE 0.0 END) AS score_sum
FROM {joined}
{group_by};

-- name: page
SELECT
    feedback.call, feedback.id, feedback.at_ns, feedback.tenant, feedback.team, feedback.person, feedback.metric,
    feedback.kind, feedback.score, feedback.label, feedback.labels,
    CASE WHEN feedback.comment <> '' THEN 1 ELSE 0 END AS has_comment,
    CASE WHEN feedback.correction <> '' THEN 1 ELSE 0 END AS has_correction,
    CASE WHEN EXISTS ({later}) THEN 1 ELSE 0 END AS replaced
FROM feedback
WHERE feedback.call >= :first_id AND feedback.call < :after_id {condition}
ORDER BY feedback.call DESC, feedback.id DESC
LIMIT :limit;

-- name: of_call
SELECT
    feedback.call, feedback.id, feedback.at_ns, feedback.tenant, feedback.team, feedback.person, feedback.metric,
    feedback.kind, feedback.score, feedback.label, feedback.labels, feedback.comment, feedback.correction,
    CASE WHEN EXISTS ({later}) THEN 1 ELSE 0 END AS replaced
FROM feedback
    JOIN calls ON calls.id = feedback.call AND calls.tenant = feedback.tenant AND calls.team = feedback.team
WHERE feedback.call = :call
ORDER BY feedback.at_ns, feedback.id;
