-- The newest sample of every series that was written down.
SELECT series_id, max(last_ms) AS last_ms
FROM series_seen
GROUP BY series_id
