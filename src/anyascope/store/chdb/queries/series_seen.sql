-- The stretch that the samples of each series cover.
SELECT series_id, min(first_ms) AS first_ms, max(last_ms) AS last_ms
FROM series_seen
GROUP BY series_id
