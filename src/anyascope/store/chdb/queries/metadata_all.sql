-- The newest word on every metric; where there are too many, on those that spoke last.
SELECT metric, argMax(type, updated_ms) AS kind, argMax(unit, updated_ms) AS unit_text, argMax(help, updated_ms) AS help_text
FROM metadata
GROUP BY metric
ORDER BY max(updated_ms) DESC, metric
LIMIT {limit:UInt64}
