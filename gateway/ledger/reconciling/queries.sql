-- name: charges_by_day
SELECT
    charge_days.day, skus.served_model, skus.target, skus.meter, skus.price_version,
    sum(charge_days.quantity) AS quantity, sum(charge_days.nano) AS nano, sum(charge_days.unpriced) AS unpriced
FROM charge_days JOIN skus ON skus.id = charge_days.sku
WHERE skus.provider = :provider AND charge_days.day >= :first
    AND (charge_days.day < :after OR substr(skus.price_version, 1, 11) = 'correction:')
GROUP BY charge_days.day, skus.served_model, skus.target, skus.meter, skus.price_version
ORDER BY 1, 2, 3, 4, 5;

-- name: answers_by_day
SELECT
    calls.started_ns / 86400000000000 AS day, attempts.served_model, attempts.target, count(*) AS requests
FROM calls JOIN attempts ON attempts.call = calls.id
WHERE calls.started_ns >= :since_ns AND calls.started_ns < :until_ns AND attempts.provider = :provider
    AND (attempts.usage_source <> 'none' OR attempts.outcome = 'completed')
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: doubtful
SELECT
    attempts.call, attempts.n, calls.started_ns, attempts.upstream_request_id, attempts.usage_source, attempts.outcome,
    attempts.served_model, attempts.target,
    coalesce((
        SELECT sum(charges.quantity) FROM charges
        WHERE charges.call = attempts.call AND charges.n = attempts.n AND substr(charges.meter, length(charges.meter) - 6) = '_tokens'
    ), 0) AS tokens
FROM calls JOIN attempts ON attempts.call = calls.id
WHERE calls.started_ns >= :since_ns AND calls.started_ns < :until_ns AND attempts.provider = :provider
    AND (
        attempts.usage_source IN ('estimate', 'inconsistent') OR attempts.outcome IN ('interrupted', 'cancelled', 'open')
        OR (calls.started_ns + :near_ns + attempts.duration_us * 1000) / :day_ns > calls.started_ns / :day_ns
        OR (calls.started_ns - :near_ns) / :day_ns < calls.started_ns / :day_ns
    )
ORDER BY attempts.call, attempts.n;
