CREATE TABLE calls (
    id uuid NOT NULL,
    started_ns            bigint NOT NULL,
    status                bigint NOT NULL,
    cost_nano             bigint,
    ttfb_us               bigint,
    duration_us           bigint NOT NULL,
    queued_us             bigint NOT NULL,
    bytes_in              bigint NOT NULL,
    bytes_out             bigint NOT NULL,
    list_nano             bigint,
    stream                bigint NOT NULL,
    input_tokens          bigint NOT NULL,
    cached_input_tokens   bigint NOT NULL,
    cache_write_tokens    bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    input_audio_tokens    bigint NOT NULL,
    input_image_tokens    bigint NOT NULL,
    output_tokens         bigint NOT NULL,
    reasoning_tokens      bigint NOT NULL,
    output_audio_tokens   bigint NOT NULL,
    output_image_tokens   bigint NOT NULL,
    images                bigint NOT NULL,
    audio_ms              bigint NOT NULL,
    characters            bigint NOT NULL,
    search_units          bigint NOT NULL,
    web_searches          bigint NOT NULL,
    cached_audio_tokens   bigint NOT NULL,
    file_searches         bigint NOT NULL,
    code_sessions         bigint NOT NULL,
    person                bigint NOT NULL,
    link                  bigint NOT NULL,
    tenant                text COLLATE "C" NOT NULL,
    team                  text COLLATE "C" NOT NULL,
    key_id                text COLLATE "C" NOT NULL,
    operation             text COLLATE "C" NOT NULL,
    model                 text COLLATE "C" NOT NULL,
    target                text COLLATE "C" NOT NULL,
    served_model          text COLLATE "C" NOT NULL,
    outcome               text COLLATE "C" NOT NULL,
    error_code            text COLLATE "C" NOT NULL,
    blame                 text COLLATE "C" NOT NULL,
    rule_id               text COLLATE "C" NOT NULL,
    finish_reason         text COLLATE "C" NOT NULL,
    usage_source          text COLLATE "C" NOT NULL,
    pricing               text COLLATE "C" NOT NULL,
    price_version         text COLLATE "C" NOT NULL,
    policy_version        text COLLATE "C" NOT NULL,
    would_deny            text COLLATE "C" NOT NULL,
    data_class            text COLLATE "C" NOT NULL,
    facts                 text COLLATE "C" NOT NULL,
    attributes            text COLLATE "C" NOT NULL,
    prompt_id             text COLLATE "C" NOT NULL,
    upstream_request_id   text COLLATE "C" NOT NULL,
    client_request_id     text COLLATE "C" NOT NULL,
    trace_id              text COLLATE "C" NOT NULL,
    run_id                text COLLATE "C" NOT NULL,
    agent                 text COLLATE "C" NOT NULL,
    tags                  text COLLATE "C" NOT NULL,
    seal bytea NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX calls_by_time ON calls USING brin (started_ns) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX calls_by_link ON calls (link);
CREATE INDEX calls_by_person ON calls (person) WHERE person > 0;
CREATE INDEX calls_by_run ON calls (run_id) WHERE run_id <> '';
CREATE TABLE attempts (
    call uuid NOT NULL,
    n                   bigint NOT NULL,
    started_ns          bigint NOT NULL,
    status              bigint NOT NULL,
    ttfb_us             bigint,
    duration_us         bigint NOT NULL,
    served              bigint NOT NULL,
    reported_nano       bigint,
    cost_nano           bigint,
    list_nano           bigint,
    role                text COLLATE "C" NOT NULL,
    provider            text COLLATE "C" NOT NULL,
    target              text COLLATE "C" NOT NULL,
    served_model        text COLLATE "C" NOT NULL,
    outcome             text COLLATE "C" NOT NULL,
    error_code          text COLLATE "C" NOT NULL,
    finish_reason       text COLLATE "C" NOT NULL,
    upstream_request_id text COLLATE "C" NOT NULL,
    usage_source        text COLLATE "C" NOT NULL,
    raw_usage           text COLLATE "C" NOT NULL,
    account             text COLLATE "C" NOT NULL,
    pricing             text COLLATE "C" NOT NULL,
    price_version       text COLLATE "C" NOT NULL,
    unpriced            text COLLATE "C" NOT NULL,
    tier                text COLLATE "C" NOT NULL,
    region              text COLLATE "C" NOT NULL,
    image_size          text COLLATE "C" NOT NULL,
    image_quality       text COLLATE "C" NOT NULL,
    PRIMARY KEY (call, n)
) PARTITION BY RANGE (call);
CREATE TABLE charges (
    call uuid NOT NULL,
    n         bigint NOT NULL,
    seq       bigint NOT NULL,
    quantity  bigint NOT NULL,
    per       bigint NOT NULL,
    rate      bigint,
    list_rate bigint,
    nano      bigint,
    list_nano bigint,
    meter     text COLLATE "C" NOT NULL,
    PRIMARY KEY (call, n, seq)
) PARTITION BY RANGE (call);
CREATE TABLE people (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    UNIQUE (tenant, "user")
);
CREATE TABLE writers (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE links (
    seq               bigint PRIMARY KEY,
    made_ns           bigint NOT NULL,
    calls             bigint NOT NULL,
    expired_before_ns bigint,
    writer            text COLLATE "C" NOT NULL,
    digest            bytea NOT NULL
);
CREATE TABLE journal_offsets (
    writer   bigint NOT NULL,
    "offset" bigint NOT NULL,
    segment  text COLLATE "C" NOT NULL,
    PRIMARY KEY (writer, segment)
);
CREATE TABLE decision_inputs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    tenant     text COLLATE "C" NOT NULL,
    team       text COLLATE "C" NOT NULL,
    key_id     text COLLATE "C" NOT NULL,
    facts      text COLLATE "C" NOT NULL,
    data_class text COLLATE "C" NOT NULL,
    operation  text COLLATE "C" NOT NULL,
    model      text COLLATE "C" NOT NULL,
    attributes text COLLATE "C" NOT NULL
);
CREATE TABLE usage_inputs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       bytea NOT NULL UNIQUE,
    tenant       text COLLATE "C" NOT NULL,
    team         text COLLATE "C" NOT NULL,
    key_id       text COLLATE "C" NOT NULL,
    person       bigint NOT NULL,
    operation    text COLLATE "C" NOT NULL,
    model        text COLLATE "C" NOT NULL,
    target       text COLLATE "C" NOT NULL,
    served_model text COLLATE "C" NOT NULL,
    prompt_id    text COLLATE "C" NOT NULL,
    agent        text COLLATE "C" NOT NULL,
    data_class   text COLLATE "C" NOT NULL,
    tags         text COLLATE "C" NOT NULL
);
CREATE TABLE skus (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest        bytea NOT NULL UNIQUE,
    provider      text COLLATE "C" NOT NULL,
    target        text COLLATE "C" NOT NULL,
    served_model  text COLLATE "C" NOT NULL,
    meter         text COLLATE "C" NOT NULL,
    tier          text COLLATE "C" NOT NULL,
    region        text COLLATE "C" NOT NULL,
    image_size    text COLLATE "C" NOT NULL,
    image_quality text COLLATE "C" NOT NULL,
    account       text COLLATE "C" NOT NULL,
    per           bigint NOT NULL,
    rate          bigint,
    list_rate     bigint,
    price_version text COLLATE "C" NOT NULL
);
CREATE TABLE decision_hours (
    hour          bigint NOT NULL,
    inputs        bigint NOT NULL,
    calls         bigint NOT NULL,
    refused       bigint NOT NULL,
    cost_nano     bigint NOT NULL,
    unpriced      bigint NOT NULL,
    input_tokens  bigint NOT NULL,
    output_tokens bigint NOT NULL,
    last_ns       bigint NOT NULL,
    PRIMARY KEY (hour, inputs)
) WITH (fillfactor = 70);
CREATE TABLE usage_hours (
    hour                  bigint NOT NULL,
    inputs                bigint NOT NULL,
    calls                 bigint NOT NULL,
    completed             bigint NOT NULL,
    refused               bigint NOT NULL,
    failed                bigint NOT NULL,
    cancelled             bigint NOT NULL,
    interrupted           bigint NOT NULL,
    would_refuse          bigint NOT NULL,
    input_tokens          bigint NOT NULL,
    cached_input_tokens   bigint NOT NULL,
    cache_write_tokens    bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    input_audio_tokens    bigint NOT NULL,
    input_image_tokens    bigint NOT NULL,
    output_tokens         bigint NOT NULL,
    reasoning_tokens      bigint NOT NULL,
    output_audio_tokens   bigint NOT NULL,
    output_image_tokens   bigint NOT NULL,
    images                bigint NOT NULL,
    audio_ms              bigint NOT NULL,
    characters            bigint NOT NULL,
    search_units          bigint NOT NULL,
    web_searches          bigint NOT NULL,
    cached_audio_tokens   bigint NOT NULL,
    file_searches         bigint NOT NULL,
    code_sessions         bigint NOT NULL,
    cost_nano             bigint NOT NULL,
    list_nano             bigint NOT NULL,
    unpriced              bigint NOT NULL,
    estimated             bigint NOT NULL,
    inconsistent          bigint NOT NULL,
    last_ns               bigint NOT NULL,
    PRIMARY KEY (hour, inputs)
) WITH (fillfactor = 70);
CREATE TABLE usage_days (
    day                   bigint NOT NULL,
    inputs                bigint NOT NULL,
    calls                 bigint NOT NULL,
    completed             bigint NOT NULL,
    refused               bigint NOT NULL,
    failed                bigint NOT NULL,
    cancelled             bigint NOT NULL,
    interrupted           bigint NOT NULL,
    would_refuse          bigint NOT NULL,
    input_tokens          bigint NOT NULL,
    cached_input_tokens   bigint NOT NULL,
    cache_write_tokens    bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    input_audio_tokens    bigint NOT NULL,
    input_image_tokens    bigint NOT NULL,
    output_tokens         bigint NOT NULL,
    reasoning_tokens      bigint NOT NULL,
    output_audio_tokens   bigint NOT NULL,
    output_image_tokens   bigint NOT NULL,
    images                bigint NOT NULL,
    audio_ms              bigint NOT NULL,
    characters            bigint NOT NULL,
    search_units          bigint NOT NULL,
    web_searches          bigint NOT NULL,
    cached_audio_tokens   bigint NOT NULL,
    file_searches         bigint NOT NULL,
    code_sessions         bigint NOT NULL,
    cost_nano             bigint NOT NULL,
    list_nano             bigint NOT NULL,
    unpriced              bigint NOT NULL,
    estimated             bigint NOT NULL,
    inconsistent          bigint NOT NULL,
    last_ns               bigint NOT NULL,
    PRIMARY KEY (day, inputs)
) WITH (fillfactor = 70);
CREATE TABLE charge_hours (
    hour      bigint NOT NULL,
    inputs    bigint NOT NULL,
    sku       bigint NOT NULL,
    charges   bigint NOT NULL,
    quantity  bigint NOT NULL,
    nano      bigint NOT NULL,
    list_nano bigint NOT NULL,
    unpriced  bigint NOT NULL,
    PRIMARY KEY (hour, inputs, sku)
) WITH (fillfactor = 70);
CREATE TABLE charge_days (
    day       bigint NOT NULL,
    inputs    bigint NOT NULL,
    sku       bigint NOT NULL,
    charges   bigint NOT NULL,
    quantity  bigint NOT NULL,
    nano      bigint NOT NULL,
    list_nano bigint NOT NULL,
    unpriced  bigint NOT NULL,
    PRIMARY KEY (day, inputs, sku)
) WITH (fillfactor = 70);
CREATE FUNCTION bounded_sum(a bigint, b bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN least(a::numeric + b, 9223372036854775807)::bigint;
CREATE FUNCTION local_month(quarter bigint, zone text) RETURNS text STABLE PARALLEL SAFE LANGUAGE sql
RETURN to_char(to_timestamp(quarter * 900) AT TIME ZONE zone, 'YYYY-MM') COLLATE "C";
CREATE FUNCTION local_day(quarter bigint, zone text) RETURNS text STABLE PARALLEL SAFE LANGUAGE sql
RETURN to_char(to_timestamp(quarter * 900) AT TIME ZONE zone, 'YYYY-MM-DD') COLLATE "C";
CREATE FUNCTION local_hour(quarter bigint, zone text) RETURNS text STABLE PARALLEL SAFE LANGUAGE sql
RETURN (
    SELECT to_char(here, 'YYYY-MM-DD"T"HH24:00') || CASE
        WHEN zone = 'UTC' THEN 'Z'
        ELSE CASE WHEN minutes < 0 THEN '-' ELSE '+' END
            || lpad((abs(minutes) / 60)::text, 2, '0') || ':' || lpad((abs(minutes) % 60)::text, 2, '0')
    END COLLATE "C"
    FROM (
        SELECT
            to_timestamp(quarter * 900) AT TIME ZONE zone AS here,
            (extract(epoch FROM to_timestamp(quarter * 900) AT TIME ZONE zone) / 60)::int - (quarter * 15)::int AS minutes
    ) AS place
);
