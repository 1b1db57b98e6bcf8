-- All samples from a time on, to fill memory at start; `written` as in samples_select.
SELECT series_id, time_ms, value
FROM samples
WHERE time_ms >= {start_ms:Int64}
ORDER BY series_id, time_ms /*written*/
