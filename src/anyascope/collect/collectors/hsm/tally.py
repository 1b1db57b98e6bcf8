"""Operations that were tried, counted and timed, as counters and a histogram."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from anyascope.collect.collectors.hsm.nouns import Operation
from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

# The SDK's for applications, and up to the deadline.
BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0)
DURATION = "anya_hsm_operation_duration_seconds"
# At 0 from the start, as all operations: a rule's increase() sees the first event only of a series that was there before it.
SEEDED = (("timeout", ""), ("io_failed", ""), ("key_not_found", ""), ("pin_incorrect", "CKR_PIN_INCORRECT"))
ERRORS_MAX = 200  # series of errors: all codes of the standard twice over; a module that answers with noise has more
PREFIX = "canary_"  # before the operation's name, so that nobody takes it for one of an application


class OperationTally:
    """Counts of one HSM's operations since the collector began."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._operations: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[tuple[str, str]] = Counter(dict.fromkeys(SEEDED, 0))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._buckets: dict[str, list[int]] = {}
        for kind in kinds:
            self._operations[f"{PREFIX}{kind}", "success"] = self._operations[f"{PREFIX}{kind}", "error"] = 0

    def add(self, operation: Operation) -> None:
        """Count one."""
        name = f"{PREFIX}{operation.kind}"
        status = "success" if operation.failure is None else "error"
        self._operations[name, status] += 1
        self._seconds[name] += operation.seconds
        counts = self._buckets.setdefault(name, [0] * (len(BUCKETS_S) + 1))
        counts[next((at for at, bound in enumerate(BUCKETS_S) if operation.seconds <= bound), len(BUCKETS_S))] += 1
        if operation.failure is not None:
            self.fail(operation.failure.error_type, operation.failure.code)

    def fail(self, error_type: str, code: str) -> None:
        """Count an error that is no operation's, too; beyond `ERRORS_MAX` different ones, without the code."""
        is_known = (error_type, code) in self._errors or len(self._errors) < ERRORS_MAX
        self._errors[error_type, code if is_known else ""] += 1

    def families(self) -> list[Family]:
        """All counts."""
        operations = Family("anya_hsm_operations_total", MetricType.COUNTER, "Operations by outcome.")
        for (name, status), count in self._operations.items():
            operations.add(float(count), ("operation_type", name), ("status", status))
        errors = Family("anya_hsm_errors_total", MetricType.COUNTER, "What failed, by the error.")
        for (error_type, code), count in self._errors.items():
            errors.add(float(count), ("error_type", error_type), ("return_code", code))
        return [operations, errors, *self._histogram()]

    def _histogram(self) -> list[Family]:
        help_text = "How long operations took."
        parts = [
            Family(f"{DURATION}_{part}", MetricType.HISTOGRAM, help_text, family=DURATION)
            for part in ("bucket", "sum", "count")
        ]
        buckets, sums, counts = parts
        for name, found in self._buckets.items():
            own = ("operation_type", name)
            total = 0
            for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), found, strict=True):
                total += count
                buckets.add(float(total), own, ("le", bound))
            sums.add(self._seconds[name], own)
            counts.add(float(total), own)
        return parts
