-- The same, equal times in the order in which they were written: a part's name says its place in that order.
SELECT series_id, time_ms, value
FROM samples
WHERE series_id IN {ids:Array(UInt64)} AND time_ms BETWEEN {start_ms:Int64} AND {end_ms:Int64}
ORDER BY series_id, time_ms, toUInt64(splitByChar('_', _part)[2])
LIMIT {limit:UInt64}
