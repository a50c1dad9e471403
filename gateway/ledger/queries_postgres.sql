-- name: add_writer
INSERT INTO writers (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING;

-- name: writer_id
SELECT id FROM writers WHERE name = %(name)s;

-- name: hold_writer
SELECT id FROM writers WHERE id = {writer} FOR UPDATE;

-- name: last_link
SELECT seq, digest FROM links WHERE seq > {first} AND seq <= {last} ORDER BY seq DESC LIMIT 1;

-- name: add_link
INSERT INTO links (seq, made_ns, calls, expired_before_ns, writer, digest)
VALUES (%(seq)s, %(made_ns)s, %(calls)s, %(expired_before_ns)s, %(writer)s, %(digest)s);

-- name: recorded
SELECT id::text FROM calls WHERE id = ANY (%(ids)s::uuid[]);

-- name: add_people
INSERT INTO people (tenant, "user") SELECT * FROM unnest(%(tenant)s::text[], %(user)s::text[])
ON CONFLICT (tenant, "user") DO NOTHING;

-- name: people_ids
SELECT tenant, "user", id FROM people
WHERE (tenant, "user") IN (SELECT * FROM unnest(%(tenant)s::text[], %(user)s::text[]));

-- name: put_offset
INSERT INTO journal_offsets (writer, "offset", segment) VALUES (%(writer)s, %(offset)s, %(segment)s)
ON CONFLICT (writer, segment) DO UPDATE SET "offset" = excluded."offset";

-- name: offsets_of_writer
SELECT segment, "offset" FROM journal_offsets WHERE writer = %(writer)s;

-- name: drop_offset
DELETE FROM journal_offsets WHERE writer = %(writer)s AND segment = %(segment)s;

-- name: add_decision_hours
INSERT INTO decision_hours (
    calls, refused, cost_nano, unpriced, input_tokens, output_tokens, last_ns, hour, inputs
)
SELECT * FROM unnest({rows})
ON CONFLICT (hour, inputs) DO UPDATE SET
    calls         = bounded_sum(decision_hours.calls, excluded.calls),
    refused       = bounded_sum(decision_hours.refused, excluded.refused),
    cost_nano     = bounded_sum(decision_hours.cost_nano, excluded.cost_nano),
    unpriced      = bounded_sum(decision_hours.unpriced, excluded.unpriced),
    input_tokens  = bounded_sum(decision_hours.input_tokens, excluded.input_tokens),
    output_tokens = bounded_sum(decision_hours.output_tokens, excluded.output_tokens),
    last_ns       = greatest(decision_hours.last_ns, excluded.last_ns);

-- name: add_usage
INSERT INTO {table} (
    calls, completed, refused, failed, cancelled, interrupted, would_refuse, input_tokens, cached_input_tokens,
    cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, output_tokens,
    reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters, search_units,
    web_searches, cached_audio_tokens, file_searches, code_sessions, cost_nano, list_nano, unpriced, estimated,
    inconsistent, saved_nano, last_ns, {time}, inputs
)
SELECT * FROM unnest({rows})
ON CONFLICT ({time}, inputs) DO UPDATE SET
    calls                 = bounded_sum({table}.calls, excluded.calls),
    completed             = bounded_sum({table}.completed, excluded.completed),
    refused               = bounded_sum({table}.refused, excluded.refused),
    failed                = bounded_sum({table}.failed, excluded.failed),
    cancelled             = bounded_sum({table}.cancelled, excluded.cancelled),
    interrupted           = bounded_sum({table}.interrupted, excluded.interrupted),
    would_refuse          = bounded_sum({table}.would_refuse, excluded.would_refuse),
    input_tokens          = bounded_sum({table}.input_tokens, excluded.input_tokens),
    cached_input_tokens   = bounded_sum({table}.cached_input_tokens, excluded.cached_input_tokens),
    cache_write_tokens    = bounded_sum({table}.cache_write_tokens, excluded.cache_write_tokens),
    cache_write_1h_tokens = bounded_sum({table}.cache_write_1h_tokens, excluded.cache_write_1h_tokens),
    input_audio_tokens    = bounded_sum({table}.input_audio_tokens, excluded.input_audio_tokens),
    input_image_tokens    = bounded_sum({table}.input_image_tokens, excluded.input_image_tokens),
    output_tokens         = bounded_sum({table}.output_tokens, excluded.output_tokens),
    reasoning_tokens      = bounded_sum({table}.reasoning_tokens, excluded.reasoning_tokens),
    output_audio_tokens   = bounded_sum({table}.output_audio_tokens, excluded.output_audio_tokens),
    output_image_tokens   = bounded_sum({table}.output_image_tokens, excluded.output_image_tokens),
    images                = bounded_sum({table}.images, excluded.images),
    audio_ms              = bounded_sum({table}.audio_ms, excluded.audio_ms),
    characters            = bounded_sum({table}.characters, excluded.characters),
    search_units          = bounded_sum({table}.search_units, excluded.search_units),
    web_searches          = bounded_sum({table}.web_searches, excluded.web_searches),
    cached_audio_tokens   = bounded_sum({table}.cached_audio_tokens, excluded.cached_audio_tokens),
    file_searches         = bounded_sum({table}.file_searches, excluded.file_searches),
    code_sessions         = bounded_sum({table}.code_sessions, excluded.code_sessions),
    cost_nano             = bounded_sum({table}.cost_nano, excluded.cost_nano),
    list_nano             = bounded_sum({table}.list_nano, excluded.list_nano),
    unpriced              = bounded_sum({table}.unpriced, excluded.unpriced),
    estimated             = bounded_sum({table}.estimated, excluded.estimated),
    inconsistent          = bounded_sum({table}.inconsistent, excluded.inconsistent),
    saved_nano            = bounded_sum({table}.saved_nano, excluded.saved_nano),
    last_ns               = greatest({table}.last_ns, excluded.last_ns);

-- name: add_charge
INSERT INTO {table} (
    charges, quantity, nano, list_nano, unpriced, {time}, inputs, sku
)
SELECT * FROM unnest({rows})
ON CONFLICT ({time}, inputs, sku) DO UPDATE SET
    charges   = bounded_sum({table}.charges, excluded.charges),
    quantity  = bounded_sum({table}.quantity, excluded.quantity),
    nano      = bounded_sum({table}.nano, excluded.nano),
    list_nano = bounded_sum({table}.list_nano, excluded.list_nano),
    unpriced  = bounded_sum({table}.unpriced, excluded.unpriced);
