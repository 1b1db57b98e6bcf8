-- The samples of some series in a stretch, both ends inclusive. A time may appear twice: see samples_by_part.
SELECT series_id, time_ms, value
FROM samples
WHERE series_id IN {ids:Array(UInt64)} AND time_ms BETWEEN {start_ms:Int64} AND {end_ms:Int64}
ORDER BY series_id, time_ms
LIMIT {limit:UInt64}
