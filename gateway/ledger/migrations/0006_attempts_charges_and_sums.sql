CREATE TABLE people (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    user   TEXT NOT NULL,
    UNIQUE (tenant, user)
) STRICT;
ALTER TABLE calls ADD COLUMN cached_audio_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN file_searches INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN code_sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN list_nano INTEGER;
ALTER TABLE calls ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN person INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN link INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN seal BLOB;
CREATE INDEX calls_by_link ON calls (link) WHERE link > 0;
CREATE INDEX calls_by_person ON calls (person) WHERE person > 0;
CREATE INDEX calls_by_run ON calls (run_id) WHERE run_id <> '';
CREATE TABLE attempts (
    call                TEXT NOT NULL,
    n                   INTEGER NOT NULL,
    role                TEXT NOT NULL,
    served              INTEGER NOT NULL,
    started_ns          INTEGER NOT NULL,
    provider            TEXT NOT NULL,
    target              TEXT NOT NULL,
    served_model        TEXT NOT NULL,
    outcome             TEXT NOT NULL,
    status              INTEGER NOT NULL,
    error_code          TEXT NOT NULL,
    finish_reason       TEXT NOT NULL,
    upstream_request_id TEXT NOT NULL,
    usage_source        TEXT NOT NULL,
    raw_usage           TEXT NOT NULL,
    ttfb_us             INTEGER,
    duration_us         INTEGER NOT NULL,
    account             TEXT NOT NULL,
    pricing             TEXT NOT NULL,
    price_version       TEXT NOT NULL,
    unpriced            TEXT NOT NULL,
    tier                TEXT NOT NULL,
    region              TEXT NOT NULL,
    image_size          TEXT NOT NULL,
    image_quality       TEXT NOT NULL,
    reported_nano       INTEGER,
    cost_nano           INTEGER,
    list_nano           INTEGER,
    PRIMARY KEY (call, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE charges (
    call      TEXT NOT NULL,
    n         INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    meter     TEXT NOT NULL,
    quantity  INTEGER NOT NULL,
    per       INTEGER NOT NULL,
    rate      INTEGER,
    list_rate INTEGER,
    nano      INTEGER,
    list_nano INTEGER,
    PRIMARY KEY (call, n, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE links (
    seq     INTEGER PRIMARY KEY,
    writer  TEXT NOT NULL,
    made_ns INTEGER NOT NULL,
    calls   INTEGER NOT NULL,
    digest  BLOB NOT NULL
) STRICT;
CREATE TABLE usage_inputs (
    id           INTEGER PRIMARY KEY,
    digest       BLOB NOT NULL UNIQUE,
    tenant       TEXT NOT NULL,
    team         TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    person       INTEGER NOT NULL,
    operation    TEXT NOT NULL,
    model        TEXT NOT NULL,
    target       TEXT NOT NULL,
    served_model TEXT NOT NULL,
    prompt_id    TEXT NOT NULL,
    agent        TEXT NOT NULL,
    data_class   TEXT NOT NULL,
    tags         TEXT NOT NULL
) STRICT;
CREATE TABLE usage_hours (
    hour                  INTEGER NOT NULL,
    inputs                INTEGER NOT NULL,
    calls                 INTEGER NOT NULL,
    completed             INTEGER NOT NULL,
    refused               INTEGER NOT NULL,
    failed                INTEGER NOT NULL,
    cancelled             INTEGER NOT NULL,
    interrupted           INTEGER NOT NULL,
    would_refuse          INTEGER NOT NULL,
    input_tokens          INTEGER NOT NULL,
    cached_input_tokens   INTEGER NOT NULL,
    cache_write_tokens    INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    input_audio_tokens    INTEGER NOT NULL,
    input_image_tokens    INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER NOT NULL,
    output_audio_tokens   INTEGER NOT NULL,
    output_image_tokens   INTEGER NOT NULL,
    images                INTEGER NOT NULL,
    audio_ms              INTEGER NOT NULL,
    characters            INTEGER NOT NULL,
    search_units          INTEGER NOT NULL,
    web_searches          INTEGER NOT NULL,
    cached_audio_tokens   INTEGER NOT NULL,
    file_searches         INTEGER NOT NULL,
    code_sessions         INTEGER NOT NULL,
    cost_nano             INTEGER NOT NULL,
    list_nano             INTEGER NOT NULL,
    unpriced              INTEGER NOT NULL,
    estimated             INTEGER NOT NULL,
    inconsistent          INTEGER NOT NULL,
    last_ns               INTEGER NOT NULL,
    PRIMARY KEY (hour, inputs)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage_days (
    day                   INTEGER NOT NULL,
    inputs                INTEGER NOT NULL,
    calls                 INTEGER NOT NULL,
    completed             INTEGER NOT NULL,
    refused               INTEGER NOT NULL,
    failed                INTEGER NOT NULL,
    cancelled             INTEGER NOT NULL,
    interrupted           INTEGER NOT NULL,
    would_refuse          INTEGER NOT NULL,
    input_tokens          INTEGER NOT NULL,
    cached_input_tokens   INTEGER NOT NULL,
    cache_write_tokens    INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    input_audio_tokens    INTEGER NOT NULL,
    input_image_tokens    INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER NOT NULL,
    output_audio_tokens   INTEGER NOT NULL,
    output_image_tokens   INTEGER NOT NULL,
    images                INTEGER NOT NULL,
    audio_ms              INTEGER NOT NULL,
    characters            INTEGER NOT NULL,
    search_units          INTEGER NOT NULL,
    web_searches          INTEGER NOT NULL,
    cached_audio_tokens   INTEGER NOT NULL,
    file_searches         INTEGER NOT NULL,
    code_sessions         INTEGER NOT NULL,
    cost_nano             INTEGER NOT NULL,
    list_nano             INTEGER NOT NULL,
    unpriced              INTEGER NOT NULL,
    estimated             INTEGER NOT NULL,
    inconsistent          INTEGER NOT NULL,
    last_ns               INTEGER NOT NULL,
    PRIMARY KEY (day, inputs)
) STRICT, WITHOUT ROWID;
CREATE TABLE skus (
    id            INTEGER PRIMARY KEY,
    digest        BLOB NOT NULL UNIQUE,
    provider      TEXT NOT NULL,
    target        TEXT NOT NULL,
    served_model  TEXT NOT NULL,
    meter         TEXT NOT NULL,
    tier          TEXT NOT NULL,
    region        TEXT NOT NULL,
    image_size    TEXT NOT NULL,
    image_quality TEXT NOT NULL,
    account       TEXT NOT NULL,
    per           INTEGER NOT NULL,
    rate          INTEGER,
    list_rate     INTEGER,
    price_version TEXT NOT NULL
) STRICT;
CREATE TABLE charge_hours (
    hour      INTEGER NOT NULL,
    inputs    INTEGER NOT NULL,
    sku       INTEGER NOT NULL,
    charges   INTEGER NOT NULL,
    quantity  INTEGER NOT NULL,
    nano      INTEGER NOT NULL,
    list_nano INTEGER NOT NULL,
    unpriced  INTEGER NOT NULL,
    PRIMARY KEY (hour, inputs, sku)
) STRICT, WITHOUT ROWID;
CREATE TABLE charge_days (
    day       INTEGER NOT NULL,
    inputs    INTEGER NOT NULL,
    sku       INTEGER NOT NULL,
    charges   INTEGER NOT NULL,
    quantity  INTEGER NOT NULL,
    nano      INTEGER NOT NULL,
    list_nano INTEGER NOT NULL,
    unpriced  INTEGER NOT NULL,
    PRIMARY KEY (day, inputs, sku)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_inputs (digest, tenant, team, key_id, person, operation, model, target, served_model, prompt_id, agent, data_class, tags)
SELECT DISTINCT inputs_digest(tenant, team, key_id, person, operation, model, target, served_model, prompt_id, agent, data_class, tags), tenant, team, key_id, person, operation, model, target, served_model, prompt_id, agent, data_class, tags
FROM calls;
INSERT INTO usage_hours (hour, inputs, calls, completed, refused, failed, cancelled, interrupted, would_refuse, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters, search_units, web_searches, cached_audio_tokens, file_searches, code_sessions, cost_nano, list_nano, unpriced, estimated, inconsistent, last_ns)
SELECT calls.started_ns / 3600000000000, usage_inputs.id,
    count(*),
    sum(outcome = 'completed'),
    sum(outcome = 'refused'),
    sum(outcome = 'failed'),
    sum(outcome = 'cancelled'),
    sum(outcome = 'interrupted'),
    sum(would_deny <> ''),
    sum(input_tokens),
    sum(cached_input_tokens),
    sum(cache_write_tokens),
    sum(cache_write_1h_tokens),
    sum(input_audio_tokens),
    sum(input_image_tokens),
    sum(output_tokens),
    sum(reasoning_tokens),
    sum(output_audio_tokens),
    sum(output_image_tokens),
    sum(images),
    sum(audio_ms),
    sum(characters),
    sum(search_units),
    sum(web_searches),
    sum(cached_audio_tokens),
    sum(file_searches),
    sum(code_sessions),
    coalesce(sum(cost_nano), 0),
    coalesce(sum(list_nano), 0),
    sum(pricing = 'unpriced'),
    sum(usage_source = 'estimate'),
    sum(usage_source = 'inconsistent'),
    max(started_ns)
FROM calls CROSS JOIN usage_inputs ON usage_inputs.digest = inputs_digest(
    calls.tenant, calls.team, calls.key_id, calls.person, calls.operation, calls.model, calls.target, calls.served_model, calls.prompt_id, calls.agent, calls.data_class, calls.tags)
GROUP BY 1, 2;
INSERT INTO usage_days (day, inputs, calls, completed, refused, failed, cancelled, interrupted, would_refuse, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens, images, audio_ms, characters, search_units, web_searches, cached_audio_tokens, file_searches, code_sessions, cost_nano, list_nano, unpriced, estimated, inconsistent, last_ns)
SELECT calls.started_ns / 86400000000000, usage_inputs.id,
    count(*),
    sum(outcome = 'completed'),
    sum(outcome = 'refused'),
    sum(outcome = 'failed'),
    sum(outcome = 'cancelled'),
    sum(outcome = 'interrupted'),
    sum(would_deny <> ''),
    sum(input_tokens),
    sum(cached_input_tokens),
    sum(cache_write_tokens),
    sum(cache_write_1h_tokens),
    sum(input_audio_tokens),
    sum(input_image_tokens),
    sum(output_tokens),
    sum(reasoning_tokens),
    sum(output_audio_tokens),
    sum(output_image_tokens),
    sum(images),
    sum(audio_ms),
    sum(characters),
    sum(search_units),
    sum(web_searches),
    sum(cached_audio_tokens),
    sum(file_searches),
    sum(code_sessions),
    coalesce(sum(cost_nano), 0),
    coalesce(sum(list_nano), 0),
    sum(pricing = 'unpriced'),
    sum(usage_source = 'estimate'),
    sum(usage_source = 'inconsistent'),
    max(started_ns)
FROM calls CROSS JOIN usage_inputs ON usage_inputs.digest = inputs_digest(
    calls.tenant, calls.team, calls.key_id, calls.person, calls.operation, calls.model, calls.target, calls.served_model, calls.prompt_id, calls.agent, calls.data_class, calls.tags)
GROUP BY 1, 2;
