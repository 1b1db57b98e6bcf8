"""Where an alert's message leads: what to do, what was seen, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from anyascope.model.notifications import Notification, NotifiedAlert
from anyascope.semconv.alerts import ANNOTATION_RUNBOOK, ANNOTATION_RUNBOOK_URL

LINK_ACKNOWLEDGE: Final = "acknowledge"  # in an alert's `links`: a signed address that acknowledges it

LABEL_TXID: Final = "txid"  # of alerts about one own transaction; its page joins all that is known of it
FIRST_STEP: Final = "What to do first:"
FIRST_STEP_CHARS_MAX = 500  # two sentences; the whole runbook is behind its link

URL_CHARS_MAX = 3_000  # what Slack takes for a button
_RUNBOOKS: Final = (ANNOTATION_RUNBOOK_URL, ANNOTATION_RUNBOOK)
# What dashboards are called in the rule files of the field.
_DASHBOARDS: Final = ("dashboard_url", "dashboard", "dashboardURL", "grafana_url")
# What an address may hold; the rest, such as the > of an expression, is written as %3E.
_AS_THEY_ARE: Final = "%:/?#[]@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Link:
    """A name for people, and an address."""

    name: str
    url: str


def alert_links(alert: NotifiedAlert, *, external_url: str) -> list[Link]:
    """What an alert leads to, the most urgent first; addresses that are none are left out.

    Runbook and dashboard are those of its annotations, the graph that of its rule, the transaction that of its label `txid`, and
    logs and traces those of its correlation id.
    """
    own = external_url.rstrip("/")
    found = [
        Link("Acknowledge", alert.links.get(LINK_ACKNOWLEDGE, "") if alert.is_firing else ""),
        Link("Runbook", _annotated(alert, _RUNBOOKS)),
        *(Link(name.capitalize(), url) for name, url in alert.links.items() if name != LINK_ACKNOWLEDGE),
        Link("Dashboard", _annotated(alert, _DASHBOARDS)),
        Link("Graph", quote(alert.generator_url, safe=_AS_THEY_ARE)),
    ]
    if own:
        found.append(Link("Alert", f"{own}/ui/alerts/{quote(alert.fingerprint, safe='')}"))
    if own and (txid := dict(alert.labels).get(LABEL_TXID, "")):
        found.append(Link("Transaction", f"{own}/ui/correlation/{quote(txid, safe='')}"))
    if own and alert.correlation_id:
        quoted = '"' + alert.correlation_id.replace('"', "") + '"'
        logs = urlencode({"q": f"correlation_id:{quoted}", "from": "-24h"})
        traces = urlencode({"tags": f"anya.correlation_id={quoted}", "from": "-24h"})
        found += [Link("Logs", f"{own}/ui/logs?{logs}"), Link("Traces", f"{own}/ui/traces?{traces}")]
    return [link for link in found if is_address(link.url)]


def first_step(alert: NotifiedAlert) -> str:
    """What to do first: the first line of the annotation `runbook` of an alert that fires; empty where it is an address."""
    text = alert.annotations.get(ANNOTATION_RUNBOOK, "").strip() if alert.is_firing else ""
    if not text or is_address(text):
        return ""
    line = text.splitlines()[0].lstrip("# ").rstrip()
    return line if len(line) <= FIRST_STEP_CHARS_MAX else line[: FIRST_STEP_CHARS_MAX - 1] + "…"


def signed_parts(notification: Notification) -> tuple[str, ...]:
    """What a far end may echo of signed addresses, and no journal may hold: who has one can answer the alert."""
    urls = {url for alert in notification.alerts for url in alert.links.values()}
    return tuple(sorted({url.rpartition("/")[2] for url in urls} | urls, key=len, reverse=True))


def is_address(text: str) -> bool:
    """Whether this is a web address that may stand in a message: an alert must not smuggle in anything else."""
    if not text or len(text) > URL_CHARS_MAX or any(char <= " " or char in '<>"|\x7f' for char in text):
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _annotated(alert: NotifiedAlert, names: tuple[str, ...]) -> str:
    return next((text for name in names if is_address(text := alert.annotations.get(name, ""))), "")
