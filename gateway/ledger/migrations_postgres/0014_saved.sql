-- What answers from the cache would have cost.
ALTER TABLE usage_hours ADD COLUMN saved_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN saved_nano bigint NOT NULL DEFAULT 0;
UPDATE usage_hours SET saved_nano = found.saved_nano
FROM (
    SELECT calls.started_ns / 3600000000000 AS hour, usage_inputs.id AS inputs, sum(calls.saved_nano) AS saved_nano
    FROM calls JOIN usage_inputs USING (
        tenant, team, key_id, person, operation, model, target, served_model, prompt_id, agent, data_class, tags
    )
    WHERE calls.saved_nano > 0
    GROUP BY 1, 2
) AS found
WHERE usage_hours.hour = found.hour AND usage_hours.inputs = found.inputs;
UPDATE usage_days SET saved_nano = found.saved_nano
FROM (
    SELECT hour / 24 AS day, inputs, sum(saved_nano) AS saved_nano FROM usage_hours WHERE saved_nano > 0 GROUP BY 1, 2
) AS found
WHERE usage_days.day = found.day AND usage_days.inputs = found.inputs;
