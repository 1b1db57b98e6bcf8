-- The newest word on every metric.
SELECT metric, argMax(type, updated_ms) AS kind, argMax(unit, updated_ms) AS unit_text, argMax(help, updated_ms) AS help_text
FROM metadata
GROUP BY metric
