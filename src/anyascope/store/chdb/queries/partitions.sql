-- The partitions of the tables that hold telemetry, each with its bytes.
SELECT table, partition_id, sum(rows) AS rows_held, sum(bytes_on_disk) AS disk_bytes
FROM system.parts
WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
GROUP BY table, partition_id
ORDER BY table, partition_id
