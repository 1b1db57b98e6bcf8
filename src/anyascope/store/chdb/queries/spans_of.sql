-- The spans of some traces, by start; one that was sent twice stands once, as it was written last.
SELECT
    time_ns, duration_ns, trace_id, span_id, parent_id, name, kind, status, status_message, trace_state, flags,
    correlation_id,
    mapKeys(attributes) AS attribute_keys, mapValues(attributes) AS attribute_texts, attribute_kinds,
    mapKeys(resource) AS resource_keys, mapValues(resource) AS resource_texts, resource_kinds, resource_schema,
    scope, scope_version, scope_schema,
    mapKeys(scope_attributes) AS scope_keys, mapValues(scope_attributes) AS scope_texts, scope_kinds,
    event_times_ns, event_names, arrayMap(m -> mapKeys(m), event_attributes) AS event_keys,
    arrayMap(m -> mapValues(m), event_attributes) AS event_texts, event_kinds,
    link_trace_ids, link_span_ids, link_states, arrayMap(m -> mapKeys(m), link_attributes) AS link_keys,
    arrayMap(m -> mapValues(m), link_attributes) AS link_texts, link_kinds
FROM spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))
ORDER BY time_ns, span_id, toUInt64(splitByChar('_', _part)[2]) DESC
LIMIT 1 BY trace_id, span_id
LIMIT {limit:UInt64}
