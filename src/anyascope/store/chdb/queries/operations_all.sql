-- Every operation of every service.
SELECT DISTINCT service, name, kind
FROM operations
