CREATE TABLE decision_inputs (
    id         INTEGER PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE,
    tenant     TEXT NOT NULL,
    team       TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    facts      TEXT NOT NULL,
    data_class TEXT NOT NULL,
    operation  TEXT NOT NULL,
    model      TEXT NOT NULL,
    attributes TEXT NOT NULL
) STRICT;
CREATE TABLE decision_hours (
    hour          INTEGER NOT NULL,
    inputs        INTEGER NOT NULL,
    calls         INTEGER NOT NULL,
    refused       INTEGER NOT NULL,
    cost_nano     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    last_ns       INTEGER NOT NULL,
    PRIMARY KEY (hour, inputs)
) STRICT, WITHOUT ROWID;
INSERT INTO decision_inputs (digest, tenant, team, key_id, facts, data_class, operation, model, attributes)
SELECT DISTINCT inputs_digest(tenant, team, key_id, facts, data_class, operation, model, attributes),
    tenant, team, key_id, facts, data_class, operation, model, attributes
FROM calls;
INSERT INTO decision_hours (hour, inputs, calls, refused, cost_nano, unpriced, input_tokens, output_tokens, last_ns)
SELECT
    calls.started_ns / 3600000000000,
    decision_inputs.id,
    1,
    outcome = 'refused' AND blame = 'policy' AND status = 403,
    coalesce(cost_nano, 0),
    pricing = 'unpriced',
    input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens,
    output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens,
    started_ns
FROM calls CROSS JOIN decision_inputs ON decision_inputs.digest = inputs_digest(
    calls.tenant, calls.team, calls.key_id, calls.facts, calls.data_class, calls.operation, calls.model, calls.attributes)
WHERE true
ON CONFLICT (hour, inputs) DO UPDATE SET
    calls         = calls + 1,
    refused       = refused + excluded.refused,
    cost_nano     = min(cost_nano + excluded.cost_nano, 9223372036854775807),
    unpriced      = unpriced + excluded.unpriced,
    input_tokens  = min(input_tokens + excluded.input_tokens, 9223372036854775807),
    output_tokens = min(output_tokens + excluded.output_tokens, 9223372036854775807),
    last_ns       = max(last_ns, excluded.last_ns);
