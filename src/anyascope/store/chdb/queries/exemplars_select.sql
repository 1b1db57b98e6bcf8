-- The exemplars of some series in a stretch, both ends inclusive.
SELECT series_id, time_ms, value, mapKeys(labels) AS names, mapValues(labels) AS texts
FROM exemplars
WHERE series_id IN {ids:Array(UInt64)} AND time_ms BETWEEN {start_ms:Int64} AND {end_ms:Int64}
ORDER BY series_id, time_ms
