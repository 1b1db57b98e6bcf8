-- A page of log records. `sequence` keeps equal times in the order of arrival.
SELECT
    time_ns, observed_ns, severity, severity_text, stream, body, body_kind, body_value, event_name,
    mapKeys(attributes) AS attribute_keys, mapValues(attributes) AS attribute_texts, attribute_kinds,
    mapKeys(resource) AS resource_keys, mapValues(resource) AS resource_texts, resource_kinds, resource_schema,
    scope, scope_version, scope_schema,
    mapKeys(scope_attributes) AS scope_keys, mapValues(scope_attributes) AS scope_texts, scope_kinds,
    trace_id, span_id, correlation_id, flags
FROM logs
WHERE time_ns >= {start_ns:Int64} AND time_ns < {end_ns:Int64} AND (/*condition*/)
ORDER BY time_ns /*direction*/, sequence /*direction*/
LIMIT {limit:UInt64}
