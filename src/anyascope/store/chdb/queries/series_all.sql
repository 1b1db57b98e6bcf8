-- Every series, to rebuild the label index at start. A series may stand twice until merges have run.
SELECT series_id, mapKeys(labels) AS names, mapValues(labels) AS texts, first_ms, is_moved
FROM series
