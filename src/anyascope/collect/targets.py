"""From what was discovered to what is scraped; pure.

Source: Prometheus, how targets get their labels (`scrape/target.go` of release 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from anyascope.collect.scrape_config import ScrapeConfig, TargetGroup
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels, labels_of
from anyascope.wire.relabel import relabel
from anyascope.wire.settings import parse_duration_s

ADDRESS = "__address__"
_HIDDEN = "__"
_PARAM = "__param_"
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to scrape. Two targets of a job with equal `labels` and `url` are one.

    Attributes:
        labels: what its series carry; without labels that begin with `__`.
        discovered: before relabelling, for people to write rules by.
    """

    labels: Labels
    url: str
    interval_s: float
    timeout_s: float
    discovered: Labels = ()

    @property
    def key(self) -> tuple[Labels, str]:
        """What tells it from the job's other targets."""
        return self.labels, self.url


@dataclass(frozen=True, slots=True)
class TargetList:
    """What became of a job's discovered targets."""

    targets: tuple[Target, ...]
    dropped: tuple[Labels, ...]
    faults: tuple[str, ...]


def make_targets(config: ScrapeConfig, groups: Iterable[TargetGroup]) -> TargetList:
    """The targets of one job. A target that cannot be one is left out, with its fault told."""
    targets: dict[tuple[Labels, str], Target] = {}
    dropped: list[Labels] = []
    faults: list[str] = []
    for group in groups:
        for found in group.targets:
            discovered = _with_defaults({**dict(group.labels), **dict(found)}, config)
            try:
                target = _make_target(discovered, config)
            except (InvalidInputError, ValueError) as error:
                faults.append(f"{discovered.get(ADDRESS, 'a target')} of {group.source}: {error}")
                continue
            if target is None:
                dropped.append(labels_of(discovered))
            else:
                targets.setdefault(target.key, target)
    return TargetList(tuple(targets.values()), tuple(dropped), tuple(faults))


def _with_defaults(labels: Mapping[str, str], config: ScrapeConfig) -> dict[str, str]:
    defaults = {
        "job": config.job_name,
        "__scrape_interval__": _duration_text(config.scrape_interval_s),
        "__scrape_timeout__": _duration_text(config.scrape_timeout_s),
        "__metrics_path__": config.metrics_path,
        "__scheme__": config.scheme,
        **{f"{_PARAM}{name}": values[0] for name, values in config.params if values},
    }
    found = {name: value for name, value in labels.items() if value}
    for name, value in defaults.items():
        found.setdefault(name, value)
    return found


def _duration_text(seconds: float) -> str:
    milliseconds = round(seconds * _MS_PER_S)
    return f"{milliseconds // _MS_PER_S}s" if milliseconds % _MS_PER_S == 0 else f"{milliseconds}ms"


def _make_target(discovered: Mapping[str, str], config: ScrapeConfig) -> Target | None:
    found = relabel(discovered, config.relabel_rules)
    if found is None:
        return None
    address = found.get(ADDRESS, "")
    if not address:
        raise InvalidInputError("no address is left after relabelling")
    if "/" in address:
        raise InvalidInputError(f"{address!r} is not a valid hostname")
    interval_s = parse_duration_s(found.get("__scrape_interval__", ""))
    timeout_s = parse_duration_s(found.get("__scrape_timeout__", ""))
    if interval_s <= 0 or timeout_s <= 0:
        raise InvalidInputError("scrape interval and timeout must be longer than 0")
    if timeout_s > interval_s:
        raise InvalidInputError(f"scrape timeout {timeout_s:g}s is greater than the interval {interval_s:g}s")
    found.setdefault("instance", address)
    return Target(
        labels=labels_of((name, value) for name, value in found.items() if not name.startswith(_HIDDEN)),
        url=_url(found, config),
        interval_s=interval_s,
        timeout_s=timeout_s,
        discovered=labels_of(discovered),
    )


def _url(labels: Mapping[str, str], config: ScrapeConfig) -> str:
    scheme = labels.get("__scheme__", "http")
    if scheme not in ("http", "https"):
        raise InvalidInputError(f"scheme must be http or https, got {scheme!r}")
    params = {name: list(values) for name, values in config.params}
    for name, value in labels.items():
        if name.startswith(_PARAM):
            own = params.setdefault(name.removeprefix(_PARAM), [])
            own[:1] = [value]
    path = labels.get("__metrics_path__", "/metrics")
    query = urlencode(sorted(params.items()), doseq=True)
    path, _, own_query = path.partition("?")
    joined = "&".join(part for part in (own_query, query) if part)
    slash = "" if path.startswith("/") else "/"
    return f"{scheme}://{labels[ADDRESS]}{slash}{path}{'?' if joined else ''}{joined}"
