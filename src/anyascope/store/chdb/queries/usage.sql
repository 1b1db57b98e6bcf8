-- Rows and bytes of each of our tables.
SELECT table, sum(rows) AS rows_held, sum(bytes_on_disk) AS disk_bytes
FROM system.parts
WHERE active AND database = currentDatabase()
GROUP BY table
