-- The tables of the first release. A statement ends with a semicolon at the end of its line.
-- Times are UTC: milliseconds for metrics, nanoseconds for logs and spans. Retention drops whole partitions.
-- The deduplication window drops a batch that is written again with its token after a crash.

-- A series' labels, once; `is_moved` where another series had its own id already. Ids of one metric lie side by side, so that a range read touches few granules.
CREATE TABLE IF NOT EXISTS series
(
    series_id UInt64,
    metric LowCardinality(String),
    labels Map(LowCardinality(String), String),
    is_moved UInt8,
    first_ms Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (metric, series_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- Which stretch the samples of a series cover, written when it grew.
CREATE TABLE IF NOT EXISTS series_seen
(
    series_id UInt64 CODEC(Delta, ZSTD(1)),
    first_ms SimpleAggregateFunction(min, Int64) CODEC(Delta, ZSTD(1)),
    last_ms SimpleAggregateFunction(max, Int64) CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY series_id;

-- Float samples: 3 bytes each after merging. Merging keeps the last written of equal times.
CREATE TABLE IF NOT EXISTS samples
(
    series_id UInt64 CODEC(Delta, ZSTD(1)),
    time_ms Int64 CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(fromUnixTimestamp64Milli(time_ms, 'UTC'))
ORDER BY (series_id, time_ms)
SETTINGS non_replicated_deduplication_window = 1000;

-- Native histograms, as Prometheus' float histograms have them.
CREATE TABLE IF NOT EXISTS histograms
(
    series_id UInt64 CODEC(Delta, ZSTD(1)),
    time_ms Int64 CODEC(Delta, ZSTD(1)),
    start_ms Int64 CODEC(Delta, ZSTD(1)),
    count Float64 CODEC(ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    schema Int32,
    zero_threshold Float64 CODEC(ZSTD(1)),
    zero_count Float64 CODEC(ZSTD(1)),
    positive_offsets Array(Int32) CODEC(ZSTD(1)),
    positive_lengths Array(UInt32) CODEC(ZSTD(1)),
    positive_counts Array(Float64) CODEC(ZSTD(1)),
    negative_offsets Array(Int32) CODEC(ZSTD(1)),
    negative_lengths Array(UInt32) CODEC(ZSTD(1)),
    negative_counts Array(Float64) CODEC(ZSTD(1)),
    custom_bounds Array(Float64) CODEC(ZSTD(1)),
    is_gauge UInt8
)
ENGINE = ReplacingMergeTree
PARTITION BY toMonday(fromUnixTimestamp64Milli(time_ms, 'UTC'))
ORDER BY (series_id, time_ms)
SETTINGS non_replicated_deduplication_window = 1000;

-- Samples that lead to a trace.
CREATE TABLE IF NOT EXISTS exemplars
(
    series_id UInt64 CODEC(Delta, ZSTD(1)),
    time_ms Int64 CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(fromUnixTimestamp64Milli(time_ms, 'UTC'))
ORDER BY (series_id, time_ms)
SETTINGS non_replicated_deduplication_window = 1000;

-- What a metric's family says of itself, the newest word wins.
CREATE TABLE IF NOT EXISTS metadata
(
    metric String,
    type LowCardinality(String),
    unit String,
    help String,
    updated_ms Int64
)
ENGINE = ReplacingMergeTree(updated_ms)
ORDER BY metric;

-- Log records. `sequence` counts rows in the order of arrival, so that equal times page without a gap.
-- A `*_kinds` column says what the texts of a map were, a letter a value; it is empty where all are strings.
CREATE TABLE IF NOT EXISTS logs
(
    time_ns Int64 CODEC(Delta, ZSTD(1)),
    observed_ns Int64 CODEC(Delta, ZSTD(1)),
    sequence UInt64 CODEC(Delta, ZSTD(1)),
    severity UInt8,
    severity_text LowCardinality(String),
    service LowCardinality(String),
    host LowCardinality(String),
    stream LowCardinality(String),
    body String CODEC(ZSTD(1)),
    body_kind LowCardinality(String),
    body_value String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_kinds LowCardinality(String),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_kinds LowCardinality(String),
    resource_schema LowCardinality(String),
    scope LowCardinality(String),
    scope_version LowCardinality(String),
    scope_schema LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_kinds LowCardinality(String),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    correlation_id String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    INDEX words_of_body lowerUTF8(body) TYPE text(tokenizer = splitByNonAlpha),
    INDEX pairs arrayConcat(
        arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(attributes), mapValues(attributes)),
        arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(resource), mapValues(resource))
    ) TYPE text(tokenizer = array),
    INDEX by_trace trace_id TYPE bloom_filter(0.001),
    INDEX by_span span_id TYPE bloom_filter(0.001),
    INDEX by_correlation correlation_id TYPE bloom_filter(0.001)
)
ENGINE = MergeTree
PARTITION BY toDate(fromUnixTimestamp64Nano(time_ns, 'UTC'))
ORDER BY (service, time_ns)
SETTINGS non_replicated_deduplication_window = 1000;

-- Spans, OTLP's model whole.
CREATE TABLE IF NOT EXISTS spans
(
    time_ns Int64 CODEC(Delta, ZSTD(1)),
    duration_ns Int64 CODEC(T64, ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    parent_id FixedString(8) CODEC(ZSTD(1)),
    service LowCardinality(String),
    host LowCardinality(String),
    name LowCardinality(String),
    kind UInt8,
    status UInt8,
    status_message String CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    correlation_id String CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_kinds LowCardinality(String),
    resource Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_kinds LowCardinality(String),
    resource_schema LowCardinality(String),
    scope LowCardinality(String),
    scope_version LowCardinality(String),
    scope_schema LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_kinds LowCardinality(String),
    event_times_ns Array(Int64) CODEC(ZSTD(1)),
    event_names Array(LowCardinality(String)),
    event_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    event_kinds Array(LowCardinality(String)),
    link_trace_ids Array(FixedString(16)) CODEC(ZSTD(1)),
    link_span_ids Array(FixedString(8)) CODEC(ZSTD(1)),
    link_states Array(String) CODEC(ZSTD(1)),
    link_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    link_kinds Array(LowCardinality(String)),
    INDEX pairs arrayConcat(
        arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(attributes), mapValues(attributes)),
        arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(resource), mapValues(resource)),
        arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(scope_attributes), mapValues(scope_attributes)),
        arrayFlatten(arrayMap(m -> arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(m), mapValues(m)), event_attributes)),
        arrayFlatten(arrayMap(m -> arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys(m), mapValues(m)), link_attributes))
    ) TYPE text(tokenizer = array),
    INDEX by_trace trace_id TYPE bloom_filter(0.001)
)
ENGINE = MergeTree
PARTITION BY toDate(fromUnixTimestamp64Nano(time_ns, 'UTC'))
ORDER BY (service, name, time_ns)
SETTINGS non_replicated_deduplication_window = 1000;

-- Which operations a service has, so that menus need no scan of spans.
CREATE TABLE IF NOT EXISTS operations
(
    service LowCardinality(String),
    name String,
    kind UInt8
)
ENGINE = ReplacingMergeTree
ORDER BY (service, name, kind);
