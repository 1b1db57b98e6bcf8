-- Deletions that are not done yet, and why the last try of each failed.
SELECT table, latest_fail_reason AS reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done;
