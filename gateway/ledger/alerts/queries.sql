-- name: first_hour
SELECT min(hour) AS hour FROM usage_hours;

-- name: spent
SELECT hour, tenant, team, sum(cost_nano) AS nano
FROM usage_hours JOIN usage_inputs ON usage_inputs.id = usage_hours.inputs
WHERE hour IN ({hours})
GROUP BY hour, tenant, team;

-- name: unpriced
SELECT day, target, sum(unpriced) AS calls
FROM usage_days JOIN usage_inputs ON usage_inputs.id = usage_days.inputs
WHERE day = :day AND unpriced > 0
GROUP BY day, target
ORDER BY target;

-- name: add_event
INSERT INTO events (id, kind, key, at, text, body) VALUES (:id, :kind, :key, :at, :text, :body)
ON CONFLICT (key) DO NOTHING;

-- name: add_delivery
INSERT INTO deliveries (event, webhook, due) VALUES (:event, :webhook, :due) ON CONFLICT (event, webhook) DO NOTHING;

-- name: due
SELECT deliveries.event AS id, events.kind, events.body, deliveries.attempts
FROM deliveries JOIN events ON events.id = deliveries.event
WHERE deliveries.webhook = :webhook AND deliveries.state = 'pending' AND deliveries.due <= :now
ORDER BY deliveries.due, events.at, events.id
LIMIT 100;

-- name: next_due
SELECT min(due) AS due FROM deliveries WHERE webhook = :webhook AND state = 'pending';

-- name: attempted
UPDATE deliveries SET attempts = attempts + 1, state = :state, due = :due, said = :said
WHERE event = :event AND webhook = :webhook;

-- name: latest
SELECT id, kind, at, text FROM events WHERE body <> '' ORDER BY at DESC, id LIMIT :limit;

-- name: deliveries_of
SELECT webhook, state, attempts, due, said FROM deliveries WHERE event = :event ORDER BY webhook;

-- name: mark
SELECT value FROM marks WHERE name = :name;

-- name: put_mark
INSERT INTO marks (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: drop_deliveries
DELETE FROM deliveries WHERE event IN (SELECT id FROM events WHERE at < :before);

-- name: drop_events
DELETE FROM events WHERE at < :before;

-- name: keys
SELECT key FROM events;

-- name: forget_deliveries
DELETE FROM deliveries WHERE event = :event;

-- name: forget_event
DELETE FROM events WHERE id = :event;
