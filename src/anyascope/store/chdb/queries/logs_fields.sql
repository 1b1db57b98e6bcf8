-- Which keys the records' attributes and resources have, commonest first.
SELECT key, count() AS records
FROM logs
ARRAY JOIN arrayConcat(
    arrayMap(k -> concat('attributes.', k), mapKeys(attributes)),
    arrayMap(k -> concat('resource.', k), mapKeys(resource))
) AS key
WHERE time_ns >= {start_ns:Int64} AND time_ns < {end_ns:Int64} AND (/*condition*/)
GROUP BY key
ORDER BY records DESC, key
LIMIT {limit:UInt64}
