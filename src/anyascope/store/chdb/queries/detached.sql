-- Parts that the engine set aside because they were damaged.
SELECT table, name, reason
FROM system.detached_parts
WHERE database = currentDatabase() AND reason != ''
ORDER BY table, name
