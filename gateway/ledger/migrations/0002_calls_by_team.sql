CREATE INDEX calls_by_team ON calls (tenant, team, started_ns);
