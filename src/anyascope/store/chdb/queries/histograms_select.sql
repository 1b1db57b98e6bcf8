-- The native histograms of some series in a stretch, both ends inclusive, equal times in the order of writing.
SELECT
    series_id, time_ms, start_ms, count, sum, schema, zero_threshold, zero_count,
    positive_offsets, positive_lengths, positive_counts,
    negative_offsets, negative_lengths, negative_counts,
    custom_bounds, is_gauge
FROM histograms
WHERE series_id IN {ids:Array(UInt64)} AND time_ms BETWEEN {start_ms:Int64} AND {end_ms:Int64}
ORDER BY series_id, time_ms, toUInt64(splitByChar('_', _part)[2])
LIMIT {limit:UInt64}
