-- name: days
SELECT usage_days.day,
    sum(calls) AS calls, sum(cost_nano) AS cost_nano, sum(unpriced) AS unpriced, sum(estimated) AS estimated
FROM usage_days JOIN usage_inputs ON usage_inputs.id = usage_days.inputs
WHERE day >= :first AND day < :after AND tenant = :tenant AND team = :team
GROUP BY usage_days.day
ORDER BY usage_days.day;

-- name: models
SELECT model, target,
    sum(calls) AS calls, sum(refused) AS refused, sum(failed) AS failed,
    sum(input_tokens + cached_input_tokens + cache_write_tokens + cache_write_1h_tokens + input_audio_tokens
        + input_image_tokens + cached_audio_tokens) AS tokens_in,
    sum(output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens) AS tokens_out,
    sum(cost_nano) AS cost_nano, sum(list_nano) AS list_nano,
    sum(unpriced) AS unpriced, sum(estimated) AS estimated
FROM usage_days JOIN usage_inputs ON usage_inputs.id = usage_days.inputs
WHERE day >= :first AND day < :after AND tenant = :tenant AND team = :team
GROUP BY model, target
ORDER BY cost_nano DESC, calls DESC, model, target;

-- name: meters
SELECT skus.target, skus.meter, skus.tier, skus.per, skus.rate,
    sum(quantity) AS quantity, sum(nano) AS nano, sum(unpriced) AS unpriced
FROM charge_days
JOIN usage_inputs ON usage_inputs.id = charge_days.inputs
JOIN skus ON skus.id = charge_days.sku
WHERE day >= :first AND day < :after AND usage_inputs.tenant = :tenant AND usage_inputs.team = :team
    AND skus.account = ''
GROUP BY skus.target, skus.meter, skus.tier, skus.per, skus.rate
ORDER BY nano DESC, skus.target, skus.meter, skus.tier, skus.rate;

-- name: teams
SELECT tenant, team, sum(calls) AS calls, sum(cost_nano) AS cost_nano, sum(unpriced) AS unpriced
FROM usage_days JOIN usage_inputs ON usage_inputs.id = usage_days.inputs
WHERE day >= :first AND day < :after
GROUP BY tenant, team
ORDER BY tenant, team;

-- name: own
SELECT skus.account, sum(nano) AS nano, sum(unpriced) AS unpriced
FROM charge_days
JOIN usage_inputs ON usage_inputs.id = charge_days.inputs
JOIN skus ON skus.id = charge_days.sku
WHERE day >= :first AND day < :after AND usage_inputs.tenant = :tenant AND usage_inputs.team = :team
    AND skus.account <> ''
GROUP BY skus.account
ORDER BY skus.account;

-- name: own_of_teams
SELECT tenant, team, sum(nano) AS nano
FROM charge_days
JOIN usage_inputs ON usage_inputs.id = charge_days.inputs
WHERE day >= :first AND day < :after AND charge_days.sku IN (SELECT id FROM skus WHERE account <> '')
GROUP BY tenant, team;

-- name: last_link
SELECT seq, digest FROM links ORDER BY seq DESC LIMIT 1;
