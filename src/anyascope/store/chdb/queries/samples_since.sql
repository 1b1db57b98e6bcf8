-- All samples from a time on, in the order in which they were written, to fill memory at start.
SELECT series_id, time_ms, value
FROM samples
WHERE time_ms >= {start_ms:Int64}
ORDER BY toUInt64(splitByChar('_', _part)[2]), series_id, time_ms
