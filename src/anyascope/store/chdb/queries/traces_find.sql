-- The traces that have a span which meets every condition, the newest such span first.
SELECT trace_id, max(time_ns) AS newest_ns
FROM spans
WHERE time_ns BETWEEN {start_ns:Int64} AND {end_ns:Int64} AND (/*condition*/)
GROUP BY trace_id
ORDER BY newest_ns DESC, trace_id
LIMIT {limit:UInt64}
