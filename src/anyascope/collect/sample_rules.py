"""What becomes of a scraped series: the target's labels, the job's rules, the job's limits.

Source: Prometheus, `scrape/scrape.go` of release 3 (label conflicts, limits and their order).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from anyascope.collect.scrape_config import NameScheme, ScrapeConfig, ScrapeLimits, ScrapeProtocol
from anyascope.errors import AnyascopeError
from anyascope.model.labels import METRIC_NAME, Labels, labels_of
from anyascope.wire.exposition.lines import Format, Pairs
from anyascope.wire.gotemplate.values import quoted
from anyascope.wire.relabel import relabel

EXPORTED = "exported_"  # stands before a label of the target's own that the server's label of that name displaced
_EXCERPT_CHARS = 50  # of a name or value in a message, as upstream
_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class ScrapeRejectedError(AnyascopeError):
    """A target's page was read and may not be used.

    Args:
        message: why, for a person.
        limit: which limit it passed, if it is one.
        scraped, relabelled: how many samples it had, and after relabelling, where that was counted: the report tells
            them, so that it can be seen how far past the limit the target is.
    """

    code = "scrape_rejected"

    def __init__(self, message: str, *, limit: str = "", scraped: int = 0, relabelled: int = 0) -> None:
        super().__init__(message)
        self.limit = limit
        self.scraped = scraped
        self.relabelled = relabelled


def final_labels(pairs: Pairs, target: Labels, config: ScrapeConfig) -> Labels | None:
    """The labels under which a scraped series is kept, or None where a rule drops it.

    Raises:
        ScrapeRejectedError: it passes a limit of the job, or has no legal name.
    """
    labels = _joined(pairs, target, honor=config.honor_labels)
    if config.metric_relabel_rules:
        ruled = relabel(labels, config.metric_relabel_rules)
        if ruled is None:
            return None
        labels = ruled
    found = labels_of(labels)
    if not found:
        return None
    _check_name(found, labels.get(METRIC_NAME, ""), config.name_scheme)
    _check_limits(found, labels.get(METRIC_NAME, ""), config.limits)
    return found


def report_labels(name: str, target: Labels) -> Labels:
    """The labels of a series that the scrape itself makes, such as `up`."""
    return labels_of([(METRIC_NAME, name), *target])


def _joined(pairs: Pairs, target: Labels, *, honor: bool) -> dict[str, str]:
    labels = dict(pairs)
    if honor:
        for name, value in target:
            labels.setdefault(name, value)
        return labels
    displaced: list[tuple[str, str]] = []
    for name, value in target:
        own = labels.get(name)
        if own:
            displaced.append((name, own))
        labels[name] = value
    _keep_displaced(labels, displaced)
    return labels


def _keep_displaced(labels: dict[str, str], displaced: Sequence[tuple[str, str]]) -> None:
    # Shorter names first: they take `exported_x`, and a label that was called so becomes `exported_exported_x`.
    for name, value in sorted(displaced, key=lambda pair: len(pair[0])):
        free = EXPORTED + name
        while labels.get(free):
            free = EXPORTED + free
        labels[free] = value


def _check_name(labels: Labels, metric: str, scheme: NameScheme) -> None:
    if not metric:
        raise ScrapeRejectedError("missing metric name (__name__ label)")
    if scheme is NameScheme.LEGACY and (
        not _LEGACY_METRIC.fullmatch(metric) or not all(_LEGACY_LABEL.fullmatch(name) for name, _ in labels)
    ):
        raise ScrapeRejectedError(f"invalid metric name or label names: {_shown(labels)}")


def _check_limits(labels: Labels, metric: str, limits: ScrapeLimits) -> None:
    shown = metric[:_EXCERPT_CHARS]
    if limits.label_limit and len(labels) > limits.label_limit:
        raise ScrapeRejectedError(
            f"label_limit exceeded (metric: {shown}, number of labels: {len(labels)}, limit: {limits.label_limit})",
            limit="label_limit",
        )
    for kind, index, limit in (
        ("name", 0, limits.label_name_length_limit),
        ("value", 1, limits.label_value_length_limit),
    ):
        for pair in labels if limit else ():
            length = len(pair[index].encode())
            if length > limit:
                value = f"value: {quoted(pair[1][:_EXCERPT_CHARS])}, " if kind == "value" else ""
                raise ScrapeRejectedError(
                    f"label_{kind}_length_limit exceeded (metric: {shown}, label name: {pair[0][:_EXCERPT_CHARS]}, "
                    f"{value}length: {length}, limit: {limit})",
                    limit=f"label_{kind}_length_limit",
                )


def _shown(labels: Labels) -> str:
    """Labels as upstream writes them: `{__name__="a", b="c"}`."""
    parts = (f"{name if _LEGACY_LABEL.fullmatch(name) else quoted(name)}={quoted(value)}" for name, value in labels)
    return "{" + ", ".join(parts) + "}"


def accept_header(config: ScrapeConfig) -> str:
    """The formats that are asked for, the preferred one first.

    Source: Prometheus, content negotiation: the weights fall by a tenth, anything else comes last.
    """
    parts = []
    weight = len(ScrapeProtocol) + 1
    for protocol in config.protocols:
        media, can_escape = _MEDIA[protocol]
        escaping = f";escaping={config.escaping.value}" if can_escape else ""
        parts.append(f"{media}{escaping};q=0.{weight}")
        weight -= 1
    return ",".join([*parts, f"*/*;q=0.{weight}"])


_MEDIA: Mapping[ScrapeProtocol, tuple[str, bool]] = {
    ScrapeProtocol.PROTOBUF: (
        f"{Format.PROTOBUF.value};proto=io.prometheus.client.MetricFamily;encoding=delimited",
        False,
    ),
    ScrapeProtocol.OPENMETRICS_1_0: (f"{Format.OPENMETRICS.value};version=1.0.0", True),
    ScrapeProtocol.OPENMETRICS_0_0_1: (f"{Format.OPENMETRICS.value};version=0.0.1", False),
    ScrapeProtocol.TEXT_1_0: (f"{Format.TEXT.value};version=1.0.0", True),
    ScrapeProtocol.TEXT_0_0_4: (f"{Format.TEXT.value};version=0.0.4", False),
}
