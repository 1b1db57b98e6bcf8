-- Records by bucket of time and severity range (0 for an unspecified severity).
SELECT
    intDiv(time_ns, {bucket_ns:Int64}) * {bucket_ns:Int64} AS start_ns,
    if(severity BETWEEN 1 AND 24, intDiv(severity - 1, 4) + 1, 0) AS severity_range,
    count() AS records
FROM logs
WHERE time_ns >= {start_ns:Int64} AND time_ns < {end_ns:Int64} AND (/*condition*/)
GROUP BY start_ns, severity_range
