-- OR FAIL: a failure ends the whole transaction, so none need be ready to undo a part of a statement, as SQLite else is.
-- name: insert_calls
INSERT OR FAIL INTO calls ({columns}) VALUES {rows} ON CONFLICT (id) DO NOTHING;

-- name: link_of_call
SELECT link FROM calls WHERE id = ?;

-- name: insert_attempts
INSERT OR FAIL INTO attempts ({columns}) VALUES {rows};

-- name: insert_charges
INSERT OR FAIL INTO charges ({columns}) VALUES {rows};

-- name: add_feedback
INSERT INTO feedback (
    call, id, at_ns, tenant, team, person, metric, kind, score, label, labels, comment, correction
) VALUES (
    :call, :id, :at_ns, :tenant, :team, :person, :metric, :kind, :score, :label, :labels, :comment, :correction
) ON CONFLICT (call, id) DO NOTHING;

-- name: drop_feedback
DELETE FROM feedback WHERE call < :before;

-- name: drop_feedback_of_calls
DELETE FROM feedback WHERE call <= :last;

-- name: add_person
INSERT INTO people (tenant, user) VALUES (?, ?) ON CONFLICT (tenant, user) DO NOTHING;

-- name: person_id
SELECT id FROM people WHERE tenant = ? AND user = ?;

-- name: last_link
SELECT seq, digest FROM links ORDER BY seq DESC LIMIT 1;

-- name: add_link
INSERT INTO links (seq, writer, made_ns, calls, digest, expired_before_ns) VALUES (?, ?, ?, ?, ?, ?);

-- name: expired_before_ns
SELECT coalesce(max(expired_before_ns), 0) AS expired_before_ns FROM links;

-- name: oldest_calls
SELECT max(id) AS last FROM (SELECT id FROM calls WHERE id < :before ORDER BY id LIMIT :limit);

-- name: drop_calls
DELETE FROM calls WHERE id <= :last;

-- name: drop_attempts
DELETE FROM attempts WHERE call <= :last;

-- name: drop_charges
DELETE FROM charges WHERE call <= :last;

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

-- name: add_usage
INSERT INTO {table} (calls, completed, refused, failed, cancelled, interrupted, would_refuse, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters, search_units, web_searches, cached_audio_tokens, file_searches, code_sessions, cost_nano, list_nano, unpriced, estimated, inconsistent, saved_nano, last_ns, {time}, inputs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT ({time}, inputs) DO UPDATE SET
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
    saved_nano            = min(saved_nano + excluded.saved_nano, 9223372036854775807),
    last_ns               = max(last_ns, excluded.last_ns);

-- name: add_charge
INSERT INTO {table} (charges, quantity, nano, list_nano, unpriced, {time}, inputs, sku)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT ({time}, inputs, sku) DO UPDATE SET
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

-- name: drop_offset
DELETE FROM journal_offsets WHERE segment = :segment;

-- name: usage_of_sums
SELECT {columns} {sums}
FROM {table} {inputs}
WHERE {time} >= :first AND {time} < :after {filters}
{group_by};

-- name: usage_used
SELECT {most} FROM usage_days {inputs} WHERE day >= :first AND day <= :last {filters};

-- name: inputs_used
SELECT {columns} id FROM usage_inputs
WHERE id IN (SELECT inputs FROM usage_days WHERE day >= :first AND day <= :last) {filters};

-- name: usage_of_calls
SELECT
    {columns}
    count(*)                                              AS calls,
    count(*) FILTER (WHERE outcome = 'completed')         AS completed,
    count(*) FILTER (WHERE outcome = 'refused')           AS refused,
    count(*) FILTER (WHERE outcome = 'failed')            AS failed,
    count(*) FILTER (WHERE outcome = 'cancelled')         AS cancelled,
    count(*) FILTER (WHERE outcome = 'interrupted')       AS interrupted,
    count(*) FILTER (WHERE would_deny <> '')              AS would_refuse,
    sum(input_tokens)                                     AS input_tokens,
    sum(cached_input_tokens)                              AS cached_input_tokens,
    sum(cache_write_tokens)                               AS cache_write_tokens,
    sum(cache_write_1h_tokens)                            AS cache_write_1h_tokens,
    sum(input_audio_tokens)                               AS input_audio_tokens,
    sum(input_image_tokens)                               AS input_image_tokens,
    sum(output_tokens)                                    AS output_tokens,
    sum(reasoning_tokens)                                 AS reasoning_tokens,
    sum(output_audio_tokens)                              AS output_audio_tokens,
    sum(output_image_tokens)                              AS output_image_tokens,
    sum(images)                                           AS images,
    sum(audio_ms)                                         AS audio_ms,
    sum(characters)                                       AS characters,
    sum(search_units)                                     AS search_units,
    sum(web_searches)                                     AS web_searches,
    sum(cached_audio_tokens)                              AS cached_audio_tokens,
    sum(file_searches)                                    AS file_searches,
    sum(code_sessions)                                    AS code_sessions,
    coalesce(sum(cost_nano), 0)                           AS cost_nano,
    coalesce(sum(list_nano), 0)                           AS list_nano,
    count(*) FILTER (WHERE pricing = 'unpriced')          AS unpriced,
    count(*) FILTER (WHERE usage_source = 'estimate')     AS estimated,
    count(*) FILTER (WHERE usage_source = 'inconsistent') AS inconsistent,
    coalesce(sum(saved_nano), 0)                          AS saved_nano
FROM calls
WHERE started_ns >= :first AND started_ns < :after {filters}
{group_by};

-- name: days_used
WITH RECURSIVE days (day) AS (
    SELECT min(day) FROM usage_days WHERE day >= :first
    UNION ALL
    SELECT (SELECT min(usage_days.day) FROM usage_days WHERE usage_days.day > days.day) FROM days WHERE days.day < :last
)
SELECT day FROM days WHERE day <= :last;

-- name: call_seen
SELECT 1 AS seen FROM calls WHERE 1 = 1 {filters} LIMIT 1;

-- name: input_seen
SELECT 1 AS seen FROM usage_inputs WHERE 1 = 1 {filters} LIMIT 1;

-- name: people_all
SELECT id, tenant, "user" FROM people;

-- name: people_named
SELECT id, tenant, "user" FROM people WHERE "user" = :name;

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

-- name: inputs_of_calls
SELECT
    started_ns / 3600000000000 AS hour,
    tenant, team, key_id, facts, data_class, operation, model, attributes,
    count(*)                                                                AS calls,
    count(*) FILTER (WHERE outcome = 'refused' AND blame = 'policy' AND status = 403) AS refused,
    coalesce(sum(cost_nano), 0)                                             AS cost_nano,
    count(*) FILTER (WHERE pricing = 'unpriced')                            AS unpriced,
    sum(input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens + cached_audio_tokens)                                               AS input_tokens,
    sum(output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens)
                                                                            AS output_tokens,
    max(started_ns)                                                         AS last_ns
FROM calls
WHERE {condition}
GROUP BY 1, tenant, team, key_id, facts, data_class, operation, model, attributes;

-- name: hours_counted
SELECT hour FROM decision_hours WHERE hour >= :first GROUP BY hour;

-- name: hours_called
SELECT started_ns / 3600000000000 AS hour FROM calls WHERE started_ns >= :first_ns GROUP BY 1
UNION
SELECT booked_ns / 3600000000000 AS hour FROM adjustments WHERE booked_ns >= :first_ns;

-- name: inputs_stored
SELECT id, digest, tenant, team, key_id, facts, data_class, operation, model, attributes FROM decision_inputs;

-- name: hour_counted
SELECT inputs, calls, refused, cost_nano, unpriced, input_tokens, output_tokens, last_ns
FROM decision_hours WHERE hour = :hour;

-- name: bought
SELECT calls.tenant, calls.team, calls.model,
    attempts.call, attempts.n, attempts.role, attempts.served, attempts.started_ns, attempts.provider, attempts.target,
    attempts.served_model, attempts.duration_us, attempts.account, attempts.pricing, attempts.price_version,
    attempts.tier, attempts.region, attempts.image_size, attempts.image_quality, attempts.reported_nano,
    charges.meter, charges.quantity, charges.per, charges.rate, charges.list_rate, charges.nano, charges.list_nano
FROM calls
JOIN attempts ON attempts.call = calls.id
LEFT JOIN charges ON charges.call = attempts.call AND charges.n = attempts.n
WHERE calls.started_ns >= :since_ns AND calls.started_ns < :until_ns AND attempts.pricing <> 'none'
ORDER BY calls.started_ns, attempts.call, attempts.n, charges.seq;

-- name: links_from
SELECT * FROM links WHERE made_ns >= :since_ns ORDER BY seq;

-- name: link_at
SELECT * FROM links WHERE seq = :seq;

-- name: link_of_digest
SELECT * FROM links WHERE digest = :digest;

-- name: last_links
SELECT * FROM links
WHERE seq IN (SELECT max(seq) FROM links GROUP BY seq >> 40)
ORDER BY seq;

-- name: first_link_ns
SELECT min(made_ns) AS made_ns FROM links;

-- name: calls_of_link
SELECT * FROM calls WHERE link = :link;

-- name: attempts_of_link
SELECT attempts.* FROM calls JOIN attempts ON attempts.call = calls.id WHERE calls.link = :link
ORDER BY attempts.call, attempts.n;

-- name: charges_of_link
SELECT charges.* FROM calls JOIN charges ON charges.call = calls.id WHERE calls.link = :link
ORDER BY charges.call, charges.n, charges.seq;

-- name: calls_without_link
SELECT link, count(*) AS calls, min(CAST(id AS TEXT)) AS first_id FROM calls
WHERE link > 0 AND started_ns >= :since_ns AND NOT EXISTS (SELECT 1 FROM links WHERE links.seq = calls.link)
GROUP BY link ORDER BY link;

-- name: calls_outside
SELECT id FROM calls WHERE link = 0 AND started_ns >= :since_ns ORDER BY started_ns DESC LIMIT :limit;

-- name: calls_unsealed
SELECT count(*) AS calls FROM calls WHERE link = 0;

-- name: calls_before_chain
SELECT sum(calls) AS calls FROM unsealed;

-- name: attempts_without_call
SELECT call, n FROM attempts
WHERE call >= :first_id AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.id = attempts.call)
ORDER BY call, n;

-- name: charges_without_attempt
SELECT call, n, count(*) AS charges FROM charges
WHERE call >= :first_id
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.call = charges.call AND attempts.n = charges.n)
GROUP BY call, n ORDER BY call, n;

-- name: hours_to_verify
SELECT hour FROM usage_hours WHERE hour >= :first GROUP BY hour
UNION
SELECT hour FROM charge_hours WHERE hour >= :first GROUP BY hour
UNION
SELECT hour FROM (
    SELECT started_ns / 3600000000000 AS hour FROM calls WHERE started_ns >= :first_ns
) AS called GROUP BY hour
UNION
SELECT booked_ns / 3600000000000 AS hour FROM adjustments WHERE booked_ns >= :first_ns
ORDER BY 1;

-- name: charges_of_calls
SELECT
    {columns}
    count(*)                              AS charges,
    sum(charges.quantity)                 AS quantity,
    coalesce(sum(charges.nano), 0)        AS nano,
    coalesce(sum(charges.list_nano), 0)   AS list_nano,
    count(*) FILTER (WHERE charges.nano IS NULL) AS unpriced
FROM calls
    JOIN attempts ON attempts.call = calls.id
    JOIN charges ON charges.call = attempts.call AND charges.n = attempts.n
WHERE calls.started_ns >= :first AND calls.started_ns < :after {filters}
{group_by};

-- name: charges_of_sums
SELECT
    {columns}
    sum({table}.charges)   AS charges,
    sum({table}.quantity)  AS quantity,
    sum({table}.nano)      AS nano,
    sum({table}.list_nano) AS list_nano,
    sum({table}.unpriced)  AS unpriced
FROM {table}
    JOIN usage_inputs ON usage_inputs.id = {table}.inputs
    JOIN skus ON skus.id = {table}.sku
WHERE {table}.{time} >= :first AND {table}.{time} < :after {filters}
{group_by};

-- name: own_skus
SELECT id, account, meter FROM skus WHERE account <> '';

-- name: own_of_sums
SELECT
    {columns} sku,
    sum(quantity) AS quantity, sum(nano) AS nano, sum(list_nano) AS list_nano, sum(unpriced) AS unpriced
FROM {table} {inputs}
WHERE {time} >= :first AND {time} < :after AND sku IN (SELECT id FROM skus WHERE account <> '') {filters}
GROUP BY {names} sku;

-- name: own_of_calls
SELECT
    {columns} own.account, own.meter,
    sum(own.quantity)              AS quantity,
    coalesce(sum(own.paid), 0)     AS nano,
    coalesce(sum(own.listed), 0)   AS list_nano,
    sum(own.unpriced)              AS unpriced
FROM calls JOIN (
    SELECT
        attempts.call, attempts.account, charges.meter, charges.quantity,
        charges.nano AS paid, charges.list_nano AS listed,
        CASE WHEN charges.nano IS NULL THEN 1 ELSE 0 END AS unpriced
    FROM attempts JOIN charges ON charges.call = attempts.call AND charges.n = attempts.n
    WHERE attempts.account <> ''
) AS own ON own.call = calls.id
WHERE calls.started_ns >= :first AND calls.started_ns < :after {filters}
GROUP BY {names} own.account, own.meter;

-- name: own_of_adjustments
SELECT
    {columns} own.account, own.meter,
    sum(own.quantity)              AS quantity,
    coalesce(sum(own.paid), 0)     AS nano,
    coalesce(sum(own.listed), 0)   AS list_nano,
    sum(own.unpriced)              AS unpriced
FROM calls JOIN (
    SELECT
        adjustments.call, adjustments.booked_ns, attempts.account, charges.meter, charges.quantity,
        charges.nano AS paid, charges.list_nano AS listed,
        CASE WHEN charges.nano IS NULL THEN charges.sign ELSE 0 END AS unpriced
    FROM adjustments
        JOIN attempts ON attempts.call = adjustments.call AND attempts.n = adjustments.n
        JOIN adjusted_charges AS charges ON charges.call = adjustments.call AND charges.n = adjustments.n
            AND charges.repricing = adjustments.repricing
    WHERE attempts.account <> ''
) AS own ON own.call = calls.id
WHERE own.booked_ns >= :first AND own.booked_ns < :after {filters}
GROUP BY {names} own.account, own.meter;

-- name: usage_days_of_hours
SELECT
    inputs, {sums}
FROM usage_hours WHERE hour >= :first AND hour < :after GROUP BY inputs;

-- name: usage_days_kept
SELECT inputs, {sums} FROM usage_days WHERE day = :day;

-- name: charge_days_of_hours
SELECT
    inputs, sku, {sums}
FROM charge_hours WHERE hour >= :first AND hour < :after GROUP BY inputs, sku;

-- name: charge_days_kept
SELECT inputs, sku, {sums} FROM charge_days WHERE day = :day;

-- name: days_to_verify
SELECT day FROM usage_days WHERE day >= :first GROUP BY day
UNION
SELECT day FROM charge_days WHERE day >= :first GROUP BY day
UNION
SELECT hour / 24 AS day FROM usage_hours WHERE hour >= :first * 24 GROUP BY hour
UNION
SELECT hour / 24 AS day FROM charge_hours WHERE hour >= :first * 24 GROUP BY hour
ORDER BY 1;

-- name: hours_without_inputs
SELECT hour, inputs FROM usage_hours
WHERE hour >= :first AND NOT EXISTS (SELECT 1 FROM usage_inputs WHERE usage_inputs.id = usage_hours.inputs)
ORDER BY hour, inputs;

-- name: charges_without_inputs
SELECT hour, inputs, sku FROM charge_hours
WHERE hour >= :first AND NOT (
    EXISTS (SELECT 1 FROM usage_inputs WHERE usage_inputs.id = charge_hours.inputs)
    AND EXISTS (SELECT 1 FROM skus WHERE skus.id = charge_hours.sku)
)
ORDER BY hour, inputs, sku;

-- name: usage_inputs_stored
SELECT * FROM usage_inputs;

-- name: skus_stored
SELECT * FROM skus;

-- name: reseals_of_calls
SELECT reseals.call, reseals.seal FROM calls JOIN reseals ON reseals.call = calls.id WHERE calls.link = :link;

-- name: reseals_of_link
SELECT call, seal FROM reseals WHERE link = :link ORDER BY call;

-- name: reseals_outside
SELECT call, link FROM reseals
WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.seq = reseals.link AND links.writer = 'keeper')
ORDER BY call LIMIT 20;

-- name: reseals_of_the_known
SELECT reseals.call FROM reseals JOIN calls ON calls.id = reseals.call
WHERE calls.tags <> '' OR calls.person = 0 OR EXISTS (SELECT 1 FROM people WHERE people.id = calls.person)
ORDER BY reseals.call LIMIT 20;

-- name: add_keepers_link
INSERT INTO links (seq, writer, made_ns, calls, digest) VALUES (:seq, :writer, :made_ns, 0, :digest);

-- name: personal_keys_of
SELECT DISTINCT key_id FROM usage_inputs
WHERE person IN ({persons}) AND substr(key_id, 1, 5) IN ('user_', 'cert_');

-- name: personal_keys_shared
SELECT DISTINCT key_id FROM usage_inputs
WHERE person <> 0 AND person NOT IN ({persons}) AND substr(key_id, 1, 5) IN ('user_', 'cert_');

-- name: affected_by_erasure
((person IN ({persons}) AND substr(key_id, 1, 5) IN ('user_', 'cert_')) OR key_id IN ({keys}));

-- name: forget_in_calls
UPDATE calls SET key_id = 'forgotten', facts = '' WHERE {affected};

-- name: tagged_calls
SELECT * FROM calls WHERE person IN ({persons}) AND tags <> '' AND link > 0 ORDER BY id;

-- name: attempts_of_call
SELECT * FROM attempts WHERE call = :call ORDER BY n;

-- name: charges_of_call
SELECT * FROM charges WHERE call = :call ORDER BY n, seq;

-- name: add_reseal
INSERT INTO reseals (call, link, seal) VALUES (:call, :link, :seal);

-- name: forget_tags
UPDATE calls SET tags = '' WHERE person IN ({persons});

-- name: decision_inputs_of_key
SELECT * FROM decision_inputs WHERE key_id = :key;

-- name: take_decisions
UPDATE decision_hours SET
    calls         = calls - :calls,
    refused       = refused - :refused,
    cost_nano     = cost_nano - :cost_nano,
    unpriced      = unpriced - :unpriced,
    input_tokens  = input_tokens - :input_tokens,
    output_tokens = output_tokens - :output_tokens
WHERE hour = :hour AND inputs = :inputs;

-- name: drop_decisions_of_none
DELETE FROM decision_hours WHERE hour = :hour AND inputs = :inputs AND calls <= 0 AND cost_nano = 0 AND unpriced = 0;

-- name: last_of_decisions
UPDATE decision_hours SET last_ns = coalesce((
    SELECT max(started_ns) FROM calls
    WHERE started_ns >= :hour * 3600000000000 AND started_ns < (:hour + 1) * 3600000000000
        AND tenant = :tenant AND team = :team AND key_id = :key_id AND facts = :facts AND data_class = :data_class
        AND operation = :operation AND model = :model AND attributes = :attributes
), last_ns)
WHERE hour = :hour AND inputs = :inputs;

-- name: drop_decision_inputs_of_none
DELETE FROM decision_inputs WHERE id = :id AND NOT EXISTS (SELECT 1 FROM decision_hours WHERE inputs = :id);

-- name: usage_inputs_affected
SELECT * FROM usage_inputs WHERE {affected};

-- name: usage_inputs_tagged
SELECT * FROM usage_inputs WHERE person IN ({persons}) AND tags <> '';

-- name: add_sums
INSERT INTO {table} ({columns}) {source} ON CONFLICT ({keys}) DO UPDATE SET {sums};

-- name: drop_sums
DELETE FROM {table} WHERE inputs = :old;

-- name: drop_inputs
DELETE FROM {table} WHERE id = :old;

-- name: add_inputs
INSERT INTO {table} (digest, {columns}) VALUES (:digest, {values}) ON CONFLICT (digest) DO NOTHING;

-- name: inputs_id
SELECT id FROM {table} WHERE digest = :digest;

-- name: forget_feedback
UPDATE feedback SET comment = '', correction = ''
WHERE (person IN ({persons}) OR call IN (SELECT id FROM calls WHERE person IN ({persons})))
    AND (comment <> '' OR correction <> '');

-- name: forget_labels
UPDATE feedback SET labels = ''
WHERE (person IN ({persons}) OR call IN (SELECT id FROM calls WHERE person IN ({persons}))) AND labels <> '';

-- name: forget_people
DELETE FROM people WHERE id IN ({persons});

-- name: add_erasure
INSERT INTO erasures (seq, made_ns, persons, calls)
SELECT coalesce(max(seq), 0) + 1, :made_ns, :persons, :calls FROM erasures;

-- name: last_erasure
SELECT coalesce(max(seq), 0) AS seq FROM erasures;

-- name: month_totals
SELECT
    coalesce(sum(calls), 0)     AS calls,
    coalesce(sum(cost_nano), 0) AS cost_nano,
    coalesce(sum(list_nano), 0) AS list_nano,
    coalesce(sum(unpriced), 0)  AS unpriced
FROM usage_days WHERE day >= :first AND day < :after;

-- name: periods_closed
SELECT * FROM periods ORDER BY month;

-- name: close_period
INSERT INTO periods (month, closed_ns, closed_by, calls, cost_nano, list_nano, unpriced)
VALUES (:month, :closed_ns, :closed_by, :calls, :cost_nano, :list_nano, :unpriced);

-- name: offsets_of_all
SELECT segment, "offset" FROM journal_offsets;

-- name: usage_of_adjustments
SELECT
    {columns}
    0 AS calls, 0 AS completed, 0 AS refused, 0 AS failed, 0 AS cancelled, 0 AS interrupted, 0 AS would_refuse,
    0 AS input_tokens, 0 AS cached_input_tokens, 0 AS cache_write_tokens, 0 AS cache_write_1h_tokens,
    0 AS input_audio_tokens, 0 AS input_image_tokens, 0 AS output_tokens, 0 AS reasoning_tokens,
    0 AS output_audio_tokens, 0 AS output_image_tokens, 0 AS images, 0 AS audio_ms, 0 AS characters, 0 AS search_units,
    0 AS web_searches, 0 AS cached_audio_tokens, 0 AS file_searches, 0 AS code_sessions,
    coalesce(sum(adjustments.nano), 0)      AS cost_nano,
    coalesce(sum(adjustments.list_nano), 0) AS list_nano,
    coalesce(sum(adjustments.unpriced), 0)  AS unpriced,
    0 AS estimated, 0 AS inconsistent, 0 AS saved_nano
FROM adjustments JOIN calls ON calls.id = adjustments.call
WHERE adjustments.served = 1 AND booked_ns >= :first AND booked_ns < :after {filters}
{group_by};

-- name: spent_of_adjustments
SELECT
    {columns}
    0 AS calls, 0 AS input_tokens, 0 AS output_tokens, coalesce(sum(adjustments.nano), 0) AS nano
FROM adjustments JOIN calls ON calls.id = adjustments.call
WHERE adjustments.served = 1 AND booked_ns >= :first AND booked_ns < :after AND target <> '' {filters}
{group_by};

-- name: inputs_of_adjustments
SELECT
    booked_ns / 3600000000000 AS hour,
    tenant, team, key_id, facts, data_class, operation, model, attributes,
    0 AS calls, 0 AS refused,
    coalesce(sum(adjustments.nano), 0)     AS cost_nano,
    coalesce(sum(adjustments.unpriced), 0) AS unpriced,
    0 AS input_tokens, 0 AS output_tokens, 0 AS last_ns
FROM adjustments JOIN calls ON calls.id = adjustments.call
WHERE adjustments.served = 1 AND {condition}
GROUP BY 1, tenant, team, key_id, facts, data_class, operation, model, attributes;

-- name: charges_of_adjustments
SELECT
    {columns}
    sum(charges.sign)                   AS charges,
    sum(charges.quantity)               AS quantity,
    coalesce(sum(charges.nano), 0)      AS nano,
    coalesce(sum(charges.list_nano), 0) AS list_nano,
    coalesce(sum(charges.sign) FILTER (WHERE charges.nano IS NULL), 0) AS unpriced
FROM adjustments
    JOIN calls ON calls.id = adjustments.call
    JOIN attempts ON attempts.call = adjustments.call AND attempts.n = adjustments.n
    JOIN adjusted_charges AS charges ON charges.call = adjustments.call AND charges.n = adjustments.n
        AND charges.repricing = adjustments.repricing
WHERE booked_ns >= :first AND booked_ns < :after {filters}
{group_by};

-- name: hours_of_orphans
SELECT DISTINCT booked_ns / 3600000000000 AS hour FROM adjustments
WHERE late = 1 AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.id = adjustments.call);

-- name: calls_page
SELECT * FROM calls
WHERE started_ns >= :since_ns AND started_ns < :until_ns AND started_ns <= :last_ns {filters}
ORDER BY started_ns DESC, id DESC LIMIT :limit;

-- name: call_of_id
SELECT * FROM calls WHERE id = :id;

-- name: person_of_id
SELECT "user" FROM people WHERE id = :id;

-- name: spent_of_sums
SELECT
    {columns}
    sum(calls) AS calls,
    sum(input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens + cached_audio_tokens) AS input_tokens,
    sum(output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens) AS output_tokens,
    sum(cost_nano) AS nano
FROM {table} JOIN usage_inputs ON usage_inputs.id = {table}.inputs
WHERE {time} >= :first AND {time} < :after AND target <> '' {filters}
{group_by};

-- name: spent_of_calls
SELECT
    {columns}
    count(*) AS calls,
    sum(input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens + cached_audio_tokens) AS input_tokens,
    sum(output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens) AS output_tokens,
    coalesce(sum(cost_nano), 0) AS nano
FROM calls
WHERE started_ns >= :first AND started_ns < :after AND target <> '' {filters}
{group_by};
