-- The commonest values of one field.
SELECT toString(/*field*/) AS text, count() AS records
FROM logs
WHERE time_ns >= {start_ns:Int64} AND time_ns < {end_ns:Int64} AND (/*condition*/) AND text != ''
GROUP BY text
ORDER BY records DESC, text
LIMIT {limit:UInt64}
