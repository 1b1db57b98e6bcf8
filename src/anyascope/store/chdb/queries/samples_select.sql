-- The samples of some series in a stretch, both ends inclusive. Read in the table's own order, without sorting; where a
-- time appears twice the question is asked again with `written`, which puts equal times in the order of writing.
SELECT series_id, time_ms, value
FROM samples
WHERE series_id IN {ids:Array(UInt64)} AND time_ms BETWEEN {start_ms:Int64} AND {end_ms:Int64}
ORDER BY series_id, time_ms /*written*/
LIMIT {limit:UInt64}
