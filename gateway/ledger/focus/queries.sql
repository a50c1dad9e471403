-- name: times
SELECT DISTINCT {time} AS time FROM {table} WHERE {time} >= :first AND {time} < :after ORDER BY time;

-- name: lines
SELECT
    usage_inputs.tenant, usage_inputs.team,
    CASE
        WHEN substr(usage_inputs.key_id, 1, 5) IN ('user_', 'cert_') OR usage_inputs.key_id = 'forgotten' THEN ''
        ELSE usage_inputs.key_id
    END AS key_id,
    usage_inputs.prompt_id, usage_inputs.agent, usage_inputs.tags,
    skus.provider, skus.target, skus.served_model, skus.meter, skus.tier, skus.region, skus.image_size,
    skus.image_quality, skus.account, skus.per, skus.rate, skus.list_rate, skus.price_version,
    sum(sums.charges) AS charges, sum(sums.quantity) AS quantity, sum(sums.nano) AS nano,
    sum(sums.list_nano) AS list_nano, sum(sums.unpriced) AS unpriced
FROM {table} AS sums
JOIN usage_inputs ON usage_inputs.id = sums.inputs
JOIN skus ON skus.id = sums.sku
WHERE sums.{time} = :time {filters}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19;

-- name: unpriced
SELECT skus.provider, skus.target, skus.meter, sum(sums.unpriced) AS charges, sum(sums.quantity) AS quantity
FROM {table} AS sums
JOIN usage_inputs ON usage_inputs.id = sums.inputs
JOIN skus ON skus.id = sums.sku
WHERE sums.{time} >= :first AND sums.{time} < :after AND sums.unpriced > 0 {filters}
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
