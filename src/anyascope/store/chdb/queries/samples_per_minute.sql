-- How many samples each of the newest minutes has, to choose how much memory takes at start.
SELECT intDiv(time_ms, 60000) * 60000 AS minute_ms, count() AS samples
FROM samples
WHERE time_ms >= {start_ms:Int64}
GROUP BY minute_ms
ORDER BY minute_ms DESC
