-- name: insert_call
INSERT INTO calls (
    id, started_ns, tenant, team, key_id, operation, model, target, served_model, outcome, status, error_code,
    blame, rule_id, finish_reason, usage_source, pricing, cost_nano, price_version, policy_version, would_deny,
    data_class, facts, attributes, prompt_id, ttfb_us, duration_us, queued_us, bytes_in, bytes_out,
    upstream_request_id, client_request_id, trace_id, list_nano, run_id, agent, tags, stream, input_tokens,
    cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens,
    output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters,
    search_units, web_searches, cached_audio_tokens, file_searches, code_sessions, person, link, seal
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
) ON CONFLICT (id) DO NOTHING;

-- name: is_recorded
SELECT 1 FROM calls WHERE id = ?;

-- name: insert_attempt
INSERT INTO attempts (
    call, n, role, started_ns, provider, target, served_model, outcome, status, error_code, finish_reason,
    upstream_request_id, usage_source, raw_usage, ttfb_us, duration_us, account, pricing, price_version, unpriced,
    served, tier, region, image_size, image_quality, reported_nano, cost_nano, list_nano
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
);

-- name: insert_charge
INSERT INTO charges (
    call, n, seq, meter, quantity, per, rate, list_rate, nano, list_nano
) VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
);

-- name: add_person
INSERT INTO people (tenant, user) VALUES (?, ?) ON CONFLICT (tenant, user) DO NOTHING;

-- name: person_id
SELECT id FROM people WHERE tenant = ? AND user = ?;

-- name: last_link
SELECT seq, digest FROM links ORDER BY seq DESC LIMIT 1;

-- name: add_link
INSERT INTO links (seq, writer, made_ns, calls, digest) VALUES (?, ?, ?, ?, ?);

-- name: add_usage_inputs
INSERT INTO usage_inputs (digest, tenant, team, key_id, person, operation, model, target, served_model, prompt_id, agent, data_class, tags)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING;

-- name: usage_inputs_id
SELECT id FROM usage_inputs WHERE digest = ?;

-- name: add_sku
INSERT INTO skus (digest, provider, target, served_model, meter, tier, region, image_size, image_quality, account, per, rate, list_rate, price_version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING;

-- name: sku_id
SELECT id FROM skus WHERE digest = ?;

-- name: add_usage_hour
INSERT INTO usage_hours (calls, completed, refused, failed, cancelled, interrupted, would_refuse, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters, search_units, web_searches, cached_audio_tokens, file_searches, code_sessions, cost_nano, list_nano, unpriced, estimated, inconsistent, last_ns, hour, inputs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (hour, inputs) DO UPDATE SET
    calls                 = min(calls + excluded.calls, 9223372036854775807),
    completed             = min(completed + excluded.completed, 9223372036854775807),
    refused               = min(refused + excluded.refused, 9223372036854775807),
    failed                = min(failed + excluded.failed, 9223372036854775807),
    cancelled             = min(cancelled + excluded.cancelled, 9223372036854775807),
    interrupted           = min(interrupted + excluded.interrupted, 9223372036854775807),
    would_refuse          = min(would_refuse + excluded.would_refuse, 9223372036854775807),
    input_tokens          = min(input_tokens + excluded.input_tokens, 9223372036854775807),
    cached_input_tokens   = min(cached_input_tokens + excluded.cached_input_tokens, 9223372036854775807),
    cache_write_tokens    = min(cache_write_tokens + excluded.cache_write_tokens, 9223372036854775807),
    cache_write_1h_tokens = min(cache_write_1h_tokens + excluded.cache_write_1h_tokens, 9223372036854775807),
    input_audio_tokens    = min(input_audio_tokens + excluded.input_audio_tokens, 9223372036854775807),
    input_image_tokens    = min(input_image_tokens + excluded.input_image_tokens, 9223372036854775807),
    output_tokens         = min(output_tokens + excluded.output_tokens, 9223372036854775807),
    reasoning_tokens      = min(reasoning_tokens + excluded.reasoning_tokens, 9223372036854775807),
    output_audio_tokens   = min(output_audio_tokens + excluded.output_audio_tokens, 9223372036854775807),
    output_image_tokens   = min(output_image_tokens + excluded.output_image_tokens, 9223372036854775807),
    images                = min(images + excluded.images, 9223372036854775807),
    audio_ms              = min(audio_ms + excluded.audio_ms, 9223372036854775807),
    characters            = min(characters + excluded.characters, 9223372036854775807),
    search_units          = min(search_units + excluded.search_units, 9223372036854775807),
    web_searches          = min(web_searches + excluded.web_searches, 9223372036854775807),
    cached_audio_tokens   = min(cached_audio_tokens + excluded.cached_audio_tokens, 9223372036854775807),
    file_searches         = min(file_searches + excluded.file_searches, 9223372036854775807),
    code_sessions         = min(code_sessions + excluded.code_sessions, 9223372036854775807),
    cost_nano             = min(cost_nano + excluded.cost_nano, 9223372036854775807),
    list_nano             = min(list_nano + excluded.list_nano, 9223372036854775807),
    unpriced              = min(unpriced + excluded.unpriced, 9223372036854775807),
    estimated             = min(estimated + excluded.estimated, 9223372036854775807),
    inconsistent          = min(inconsistent + excluded.inconsistent, 9223372036854775807),
    last_ns               = max(last_ns, excluded.last_ns);

-- name: add_usage_day
INSERT INTO usage_days (calls, completed, refused, failed, cancelled, interrupted, would_refuse, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters, search_units, web_searches, cached_audio_tokens, file_searches, code_sessions, cost_nano, list_nano, unpriced, estimated, inconsistent, last_ns, day, inputs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, inputs) DO UPDATE SET
    calls                 = min(calls + excluded.calls, 9223372036854775807),
    completed             = min(completed + excluded.completed, 9223372036854775807),
    refused               = min(refused + excluded.refused, 9223372036854775807),
    failed                = min(failed + excluded.failed, 9223372036854775807),
    cancelled             = min(cancelled + excluded.cancelled, 9223372036854775807),
    interrupted           = min(interrupted + excluded.interrupted, 9223372036854775807),
    would_refuse          = min(would_refuse + excluded.would_refuse, 9223372036854775807),
    input_tokens          = min(input_tokens + excluded.input_tokens, 9223372036854775807),
    cached_input_tokens   = min(cached_input_tokens + excluded.cached_input_tokens, 9223372036854775807),
    cache_write_tokens    = min(cache_write_tokens + excluded.cache_write_tokens, 9223372036854775807),
    cache_write_1h_tokens = min(cache_write_1h_tokens + excluded.cache_write_1h_tokens, 9223372036854775807),
    input_audio_tokens    = min(input_audio_tokens + excluded.input_audio_tokens, 9223372036854775807),
    input_image_tokens    = min(input_image_tokens + excluded.input_image_tokens, 9223372036854775807),
    output_tokens         = min(output_tokens + excluded.output_tokens, 9223372036854775807),
    reasoning_tokens      = min(reasoning_tokens + excluded.reasoning_tokens, 9223372036854775807),
    output_audio_tokens   = min(output_audio_tokens + excluded.output_audio_tokens, 9223372036854775807),
    output_image_tokens   = min(output_image_tokens + excluded.output_image_tokens, 9223372036854775807),
    images                = min(images + excluded.images, 9223372036854775807),
    audio_ms              = min(audio_ms + excluded.audio_ms, 9223372036854775807),
    characters            = min(characters + excluded.characters, 9223372036854775807),
    search_units          = min(search_units + excluded.search_units, 9223372036854775807),
    web_searches          = min(web_searches + excluded.web_searches, 9223372036854775807),
    cached_audio_tokens   = min(cached_audio_tokens + excluded.cached_audio_tokens, 9223372036854775807),
    file_searches         = min(file_searches + excluded.file_searches, 9223372036854775807),
    code_sessions         = min(code_sessions + excluded.code_sessions, 9223372036854775807),
    cost_nano             = min(cost_nano + excluded.cost_nano, 9223372036854775807),
    list_nano             = min(list_nano + excluded.list_nano, 9223372036854775807),
    unpriced              = min(unpriced + excluded.unpriced, 9223372036854775807),
    estimated             = min(estimated + excluded.estimated, 9223372036854775807),
    inconsistent          = min(inconsistent + excluded.inconsistent, 9223372036854775807),
    last_ns               = max(last_ns, excluded.last_ns);

-- name: add_charge_hour
INSERT INTO charge_hours (charges, quantity, nano, list_nano, unpriced, hour, inputs, sku)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (hour, inputs, sku) DO UPDATE SET
    charges   = min(charges + excluded.charges, 9223372036854775807),
    quantity  = min(quantity + excluded.quantity, 9223372036854775807),
    nano      = min(nano + excluded.nano, 9223372036854775807),
    list_nano = min(list_nano + excluded.list_nano, 9223372036854775807),
    unpriced  = min(unpriced + excluded.unpriced, 9223372036854775807);

-- name: add_charge_day
INSERT INTO charge_days (charges, quantity, nano, list_nano, unpriced, day, inputs, sku)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, inputs, sku) DO UPDATE SET
    charges   = min(charges + excluded.charges, 9223372036854775807),
    quantity  = min(quantity + excluded.quantity, 9223372036854775807),
    nano      = min(nano + excluded.nano, 9223372036854775807),
    list_nano = min(list_nano + excluded.list_nano, 9223372036854775807),
    unpriced  = min(unpriced + excluded.unpriced, 9223372036854775807);

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
        + input_image_tokens + cached_audio_tokens)                  AS input_tokens,
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
    sum(cached_audio_tokens)                   AS cached_audio_tokens,
    sum(file_searches)                         AS file_searches,
    sum(code_sessions)                         AS code_sessions,
    coalesce(sum(cost_nano), 0)                AS cost_nano,
    sum(pricing = 'unpriced')                  AS unpriced,
    sum(usage_source = 'estimate')             AS estimated,
    sum(usage_source = 'inconsistent')         AS inconsistent
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
        + input_image_tokens + cached_audio_tokens)                                               AS input_tokens,
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

-- name: bought
SELECT calls.tenant, calls.team, calls.model,
    attempts.call, attempts.n, attempts.role, attempts.started_ns, attempts.provider, attempts.target,
    attempts.served_model, attempts.duration_us, attempts.account, attempts.pricing, attempts.price_version,
    attempts.tier, attempts.region, attempts.image_size, attempts.image_quality, attempts.reported_nano,
    charges.meter, charges.quantity, charges.per, charges.rate, charges.list_rate, charges.nano, charges.list_nano
FROM calls
JOIN attempts ON attempts.call = calls.id
LEFT JOIN charges ON charges.call = attempts.call AND charges.n = attempts.n
WHERE calls.started_ns >= :since_ns AND calls.started_ns < :until_ns AND attempts.pricing <> 'none'
ORDER BY calls.started_ns, attempts.call, attempts.n, charges.seq;
