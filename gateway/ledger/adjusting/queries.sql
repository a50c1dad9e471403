-- name: last_repricing
SELECT coalesce(max(id), 0) AS id FROM repricings;

-- name: hours_bought
SELECT DISTINCT hour FROM charge_hours
WHERE hour >= :first AND hour <= :last
ORDER BY hour;

-- name: bought_of_hour
SELECT
    calls.started_ns AS call_ns, calls.tenant, calls.team, calls.key_id, calls.person, calls.operation, calls.model,
    calls.target, calls.served_model, calls.prompt_id, calls.agent, calls.data_class, calls.tags, calls.facts,
    calls.attributes, calls.input_tokens, calls.cached_input_tokens, calls.cache_write_tokens,
    calls.cache_write_1h_tokens, calls.input_audio_tokens, calls.input_image_tokens, calls.output_tokens,
    calls.reasoning_tokens, calls.output_audio_tokens, calls.output_image_tokens, calls.images, calls.audio_ms,
    calls.characters, calls.search_units, calls.web_searches, calls.cached_audio_tokens, calls.file_searches,
    calls.code_sessions,
    attempts.call, attempts.n, attempts.role, attempts.served, attempts.started_ns, attempts.provider,
    attempts.target AS attempt_target, attempts.served_model AS attempt_model, attempts.duration_us, attempts.account,
    attempts.pricing, attempts.price_version, attempts.unpriced, attempts.tier, attempts.region, attempts.image_size,
    attempts.image_quality, attempts.reported_nano,
    charges.meter, charges.quantity, charges.per, charges.rate, charges.list_rate, charges.nano, charges.list_nano
FROM calls
JOIN attempts ON attempts.call = calls.id
LEFT JOIN charges ON charges.call = attempts.call AND charges.n = attempts.n
WHERE calls.started_ns >= :since_ns AND calls.started_ns < :until_ns AND attempts.pricing <> 'none' {filters}
ORDER BY attempts.call, attempts.n, charges.seq;

-- name: standing_of_hour
SELECT adjustments.call, adjustments.n, adjustments.pricing, adjustments.price_version, adjustments.why,
    adjusted_charges.meter, adjusted_charges.quantity, adjusted_charges.per, adjusted_charges.rate,
    adjusted_charges.list_rate, adjusted_charges.nano, adjusted_charges.list_nano
FROM calls
CROSS JOIN adjustments
LEFT JOIN adjusted_charges ON adjusted_charges.call = adjustments.call AND adjusted_charges.n = adjustments.n
    AND adjusted_charges.repricing = adjustments.repricing AND adjusted_charges.sign = 1
WHERE calls.started_ns >= :since_ns AND calls.started_ns < :until_ns AND adjustments.call = calls.id
    AND adjustments.repricing = (
        SELECT max(later.repricing) FROM adjustments AS later
        WHERE later.call = adjustments.call AND later.n = adjustments.n
    )
ORDER BY adjustments.call, adjustments.n, adjusted_charges.seq;

-- name: calls_without_attempts
SELECT count(*) AS calls FROM calls
WHERE started_ns >= :since_ns AND started_ns < :until_ns AND pricing <> 'none' AND target <> ''
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.call = calls.id);

-- name: add_repricing
INSERT INTO repricings (id, made_ns, made_by, reason, book, since_ns, until_ns, provider, model, adjustments, link)
VALUES (:id, :made_ns, :made_by, :reason, :book, :since_ns, :until_ns, :provider, :model, :adjustments, :link);

-- name: add_adjustment
INSERT INTO adjustments (
    repricing, call, n, booked_ns, late, served, pricing, price_version, why, nano, list_nano, unpriced, seal
)
VALUES (
    :repricing, :call, :n, :booked_ns, :late, :served, :pricing, :price_version, :why, :nano, :list_nano, :unpriced,
    :seal
);

-- name: add_adjusted_charge
INSERT INTO adjusted_charges (
    repricing, call, n, seq, sign, meter, quantity, per, rate, list_rate, nano, list_nano, price_version
)
VALUES (
    :repricing, :call, :n, :seq, :sign, :meter, :quantity, :per, :rate, :list_rate, :nano, :list_nano, :price_version
);

-- name: repricings_of_link
SELECT * FROM repricings WHERE link = :link ORDER BY id;

-- name: adjustments_of_repricing
SELECT * FROM adjustments WHERE repricing = :repricing ORDER BY call, n;

-- name: charges_of_repricing
SELECT adjusted_charges.* FROM adjustments
JOIN adjusted_charges ON adjusted_charges.call = adjustments.call AND adjusted_charges.n = adjustments.n
    AND adjusted_charges.repricing = adjustments.repricing
WHERE adjustments.repricing = :repricing
ORDER BY adjusted_charges.call, adjusted_charges.n, adjusted_charges.seq;

-- name: repricings_outside
SELECT id FROM repricings
WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.seq = repricings.link AND links.writer = 'keeper')
ORDER BY id;

-- name: adjustments_outside
SELECT call, n, repricing FROM adjustments
WHERE NOT EXISTS (SELECT 1 FROM repricings WHERE repricings.id = adjustments.repricing)
ORDER BY call, n LIMIT 20;

-- name: charges_outside
SELECT call, n, repricing FROM adjusted_charges
WHERE NOT EXISTS (
    SELECT 1 FROM adjustments WHERE adjustments.call = adjusted_charges.call AND adjustments.n = adjusted_charges.n
        AND adjustments.repricing = adjusted_charges.repricing
)
ORDER BY call, n LIMIT 20;

-- name: adjustments_without_call
SELECT adjustments.call, adjustments.n FROM adjustments
WHERE NOT EXISTS (SELECT 1 FROM calls WHERE calls.id = adjustments.call)
ORDER BY adjustments.call, adjustments.n LIMIT 20;

-- name: adjustments_of_call
SELECT adjustments.*, repricings.made_ns, repricings.made_by, repricings.reason
FROM adjustments JOIN repricings ON repricings.id = adjustments.repricing
WHERE adjustments.call = :call
ORDER BY adjustments.repricing, adjustments.n;
