"""What `ingest` lets in, and how long it lets things wait."""

from __future__ import annotations

from dataclasses import dataclass, field

ATTRIBUTES_MAX = 128  # a record; OpenTelemetry's SDKs stop there too
ATTRIBUTE_NAME_CHARS_MAX = 256  # the longest of the semantic conventions is under 80
ATTRIBUTE_VALUE_CHARS_MAX = 16_384  # a stack trace of 200 frames; beyond it the value is cut
BODY_CHARS_MAX = 262_144  # a log body; the largest seen of a real service is a 90 kB request dump; beyond it is cut
LABELS_MAX = 64  # a series; Prometheus' own translations of real resources stay below 40
LABEL_NAME_CHARS_MAX = 256  # as for attributes
LABEL_VALUE_CHARS_MAX = 4_096  # a long URL; an index entry is kept in memory for each
SERIES_MAX = 1_000_000  # a source, seen within the last hours; 1.4 kB of index each, with six labels
SERIES_TOTAL_MAX = 2_000_000  # all sources together; 2.7 GB of index, most of the memory of a small server
SERIES_FORGOTTEN_AFTER_S = 3_600.0  # a series that says nothing so long no longer counts (at most twice as long)
FUTURE_S_MAX = 600.0  # Prometheus' own bound: a clock further ahead is wrong, and its data would hide what follows
DELTA_SERIES_MAX = 200_000  # running totals kept for senders of increments; about 40 MB

LINGER_S = 0.1  # least time between two flushes of a table: 10 inserts a second were measured to merge at ease


@dataclass(frozen=True, slots=True)
class AdmitOptions:
    """What is let in; see the constants for units and reasons."""

    attributes_max: int = ATTRIBUTES_MAX
    attribute_name_chars_max: int = ATTRIBUTE_NAME_CHARS_MAX
    attribute_value_chars_max: int = ATTRIBUTE_VALUE_CHARS_MAX
    body_chars_max: int = BODY_CHARS_MAX
    labels_max: int = LABELS_MAX
    label_name_chars_max: int = LABEL_NAME_CHARS_MAX
    label_value_chars_max: int = LABEL_VALUE_CHARS_MAX
    series_max: int = SERIES_MAX
    series_total_max: int = SERIES_TOTAL_MAX
    series_forgotten_after_s: float = SERIES_FORGOTTEN_AFTER_S
    future_s_max: float = FUTURE_S_MAX
    delta_series_max: int = DELTA_SERIES_MAX


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """How one signal waits for its store.

    Attributes:
        queue_rows_max, queue_bytes_max: what may wait; past either the sender is told to come back later.
        flush_rows_max: the largest insert; a flush starts early once so many rows wait.
        linger_s: least time between the starts of two flushes.
    """

    queue_rows_max: int
    queue_bytes_max: int
    flush_rows_max: int
    linger_s: float = LINGER_S


METRICS_LANE = LaneOptions(
    queue_rows_max=2_000_000,  # 2 s of the fastest ingest measured, 28 bytes each
    queue_bytes_max=128 * 1024 * 1024,
    flush_rows_max=500_000,  # 10 MB of the journal, some 20 ms
    linger_s=0.0,  # an append to the journal costs some 0.1 ms: what waits is what came during the last one
)
ROWS_LANE = LaneOptions(
    queue_rows_max=120_000,  # 3 s of peak logs or spans, about 1.5 kB each in memory
    queue_bytes_max=128 * 1024 * 1024,  # of text
    flush_rows_max=40_000,  # 0.3 s of building columns
)


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """Everything that `ingest` can be told."""

    admit: AdmitOptions = field(default_factory=AdmitOptions)
    metrics: LaneOptions = METRICS_LANE
    logs: LaneOptions = ROWS_LANE
    spans: LaneOptions = ROWS_LANE
