-- name: insert_call
INSERT INTO calls (
    id, started_ns, tenant, team, key_id, operation, model, target, served_model, stream, outcome, status, error_code,
    blame, rule_id, finish_reason, usage_source, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens,
    input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens,
    images, audio_ms, characters, search_units, web_searches, pricing, cost_nano, price_version, policy_version,
    would_deny, data_class, facts, attributes, prompt_id, ttfb_us, duration_us, queued_us, bytes_in, bytes_out,
    upstream_request_id, client_request_id, trace_id
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
) ON CONFLICT (id) DO NOTHING;

-- name: add_decision_inputs
INSERT INTO decision_inputs (digest, tenant, team, key_id, facts, data_class, operation, model, attributes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING;

-- name: decision_inputs_id
SELECT id FROM decision_inputs WHERE digest = ?;

-- name: add_decision_hour
INSERT INTO decision_hours (calls, refused, cost_nano, unpriced, input_tokens, output_tokens, last_ns, hour, inputs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (hour, inputs) DO UPDATE SET
    calls         = calls + excluded.calls,
    refused       = refused + excluded.refused,
    cost_nano     = min(cost_nano + excluded.cost_nano, 9223372036854775807),
    unpriced      = unpriced + excluded.unpriced,
    input_tokens  = min(input_tokens + excluded.input_tokens, 9223372036854775807),
    output_tokens = min(output_tokens + excluded.output_tokens, 9223372036854775807),
    last_ns       = max(last_ns, excluded.last_ns);

-- name: put_offset
INSERT INTO journal_offsets (segment, offset) VALUES (:segment, :offset)
ON CONFLICT (segment) DO UPDATE SET offset = excluded.offset;

-- name: all_offsets
SELECT segment, offset FROM journal_offsets;

-- name: drop_offset
DELETE FROM journal_offsets WHERE segment = :segment;

-- name: usage
SELECT
    {groups}
    count(*)                                   AS calls,
    sum(outcome = 'completed')                 AS completed,
    sum(outcome = 'refused')                   AS refused,
    sum(outcome = 'failed')                    AS failed,
    sum(outcome = 'cancelled')                 AS cancelled,
    sum(outcome = 'interrupted')               AS interrupted,
    sum(would_deny <> '')                      AS would_refuse,
    sum(input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens)                  AS input_tokens,
    sum(cached_input_tokens)                   AS cached_input_tokens,
    sum(cache_write_tokens)                    AS cache_write_tokens,
    sum(cache_write_1h_tokens)                 AS cache_write_1h_tokens,
    sum(input_audio_tokens)                    AS input_audio_tokens,
    sum(input_image_tokens)                    AS input_image_tokens,
    sum(output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens)
                                               AS output_tokens,
    sum(reasoning_tokens)                      AS reasoning_tokens,
    sum(output_audio_tokens)                   AS output_audio_tokens,
    sum(output_image_tokens)                   AS output_image_tokens,
    sum(images)                                AS images,
    sum(audio_ms)                              AS audio_ms,
    sum(characters)                            AS characters,
    sum(search_units)                          AS search_units,
    sum(web_searches)                          AS web_searches,
    coalesce(sum(cost_nano), 0)                AS cost_nano,
    sum(pricing = 'unpriced')                  AS unpriced,
    sum(usage_source = 'estimate')             AS estimated
FROM calls
WHERE started_ns >= :since_ns AND started_ns < :until_ns {filters}
{group_by};

-- name: inputs_of_hours
SELECT
    tenant, team, key_id, facts, data_class, operation, model, attributes, sums.*
FROM (
    SELECT
        inputs,
        sum(calls)         AS calls,
        sum(refused)       AS refused,
        sum(cost_nano)     AS cost_nano,
        sum(unpriced)      AS unpriced,
        sum(input_tokens)  AS input_tokens,
        sum(output_tokens) AS output_tokens,
        max(last_ns)       AS last_ns
    FROM decision_hours
    WHERE hour >= :first AND hour < :after
    GROUP BY inputs
) AS sums JOIN decision_inputs ON decision_inputs.id = sums.inputs
WHERE true {filters};

-- name: rolled_up
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'decision_hours';

-- name: inputs_of_calls
SELECT
    tenant, team, key_id, facts, data_class, operation, model, attributes,
    count(*)                                                                AS calls,
    sum(outcome = 'refused' AND blame = 'policy' AND status = 403)          AS refused,
    coalesce(sum(cost_nano), 0)                                             AS cost_nano,
    sum(pricing = 'unpriced')                                               AS unpriced,
    sum(input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens)                                               AS input_tokens,
    sum(output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens)
                                                                            AS output_tokens,
    max(started_ns)                                                         AS last_ns
FROM calls
WHERE started_ns >= :since_ns AND started_ns < :until_ns {filters}
GROUP BY tenant, team, key_id, facts, data_class, operation, model, attributes;

-- name: hours_counted
SELECT hour FROM decision_hours GROUP BY hour;

-- name: hours_called
SELECT started_ns / 3600000000000 AS hour FROM calls GROUP BY hour;

-- name: inputs_stored
SELECT id, digest, tenant, team, key_id, facts, data_class, operation, model, attributes FROM decision_inputs;

-- name: hour_counted
SELECT inputs, calls, refused, cost_nano, unpriced, input_tokens, output_tokens, last_ns
FROM decision_hours WHERE hour = :hour;
