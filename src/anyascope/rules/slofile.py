"""Reads the objectives of a rule file."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.promql.parse import parse
from anyascope.promql.signatures import Feature
from anyascope.promql.syntax import Select, unwrapped
from anyascope.rules.blocks import parse_span
from anyascope.rules.expand import parse_rule_template
from anyascope.rules.slo import ALERT, BASE_S, BURNS, INTERVAL_S, LABEL_SLO, LABEL_WINDOW, Slo, Window
from anyascope.semconv.alerts import LABEL_ALERTNAME, LABEL_SEVERITY
from anyascope.wire.durations import parse_duration_ms
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.settings import Section

NEEDED_FIELDS = ("name", "objective", "window", "total")
SLO_FIELDS = (*NEEDED_FIELDS, "bad", "good", "by", "labels", "annotations", "alerts", "interval")
WINDOW_S_MIN = 86_400  # of a shorter one the burn windows would be shorter than the rates that they add up
WINDOW_S_MAX = 400 * 86_400
WINDOW_BLOCKS_MIN, WINDOW_BLOCKS_MAX = 144, 57_600  # the same in blocks of ten minutes

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN_LABELS = frozenset({LABEL_SLO, LABEL_WINDOW, LABEL_SEVERITY, LABEL_ALERTNAME})


def read_slo(section: Section, features: frozenset[Feature] = frozenset()) -> Slo | None:
    """One objective; None where something is wrong with it, which is noted in the section."""
    slo = Slo(
        name=section.parsed("name", _name, ""),
        objective=section.parsed("objective", _objective, Decimal(0)),
        window=section.parsed("window", _window, Window()),
        total=_selector(section, "total", features),
        bad=_selector(section, "bad", features),
        good=_selector(section, "good", features),
        by=section.texts("by"),
        labels=section.text_map("labels"),
        annotations=section.text_map("annotations"),
        severities=_severities(section),
        interval_s=section.duration_s("interval", INTERVAL_S),
        line=section.line(),
    )
    for name in NEEDED_FIELDS:
        if not section.has(name):
            section.wrong(f"needs {name}")
    if section.has("bad") == section.has("good"):
        section.wrong("needs either bad or good: the selector of the counters of bad, or of good events")
    if not 0 < slo.interval_s <= BASE_S:
        section.wrong("must be more than 0s and at most 5m, which is what is added up", name="interval")
    are_labels_sound = _check_labels(section, slo)
    is_whole = all((slo.name, slo.objective, slo.window.usual_s, slo.total, slo.bad or slo.good))
    return slo if is_whole and are_labels_sound else None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"must be of letters, digits, '_', '.' and '-', at most 100, got {text!r}")
    return text


def _objective(text: str) -> Decimal:
    try:
        objective = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        objective = Decimal(0)
    if not (objective.is_finite() and 0 < objective < 100):
        raise ValueError(f"must be a percentage between 0 and 100, such as 99.9, got {text!r}")
    if objective < 1:  # nobody wants 99 bad events of 100: such an objective would never burn
        raise ValueError(f"must be a percentage, such as 99.9, got {text!r}; is it {(objective * 100).normalize():f}?")
    return objective


def _window(text: str) -> Window:
    span = parse_span(text)
    if span is None:
        seconds = parse_duration_ms(text) // 1000
        if not WINDOW_S_MIN <= seconds <= WINDOW_S_MAX:
            raise ValueError(f"must be 1d to 400d, or {WINDOW_BLOCKS_MIN} to {WINDOW_BLOCKS_MAX} blocks, got {text!r}")
        return Window(seconds)
    if not WINDOW_BLOCKS_MIN <= span.blocks <= WINDOW_BLOCKS_MAX:
        raise ValueError(f"must be {WINDOW_BLOCKS_MIN} to {WINDOW_BLOCKS_MAX} blocks, got {text!r}")
    return Window(span=span)


def _selector(section: Section, name: str, features: frozenset[Feature]) -> str:
    text = section.text(name, "").strip()
    if not text:
        return ""
    try:
        root = unwrapped(parse(text, features).root)
        if not isinstance(root, Select) or root.range_ms or root.offset_ms or root.anchor:
            raise InvalidInputError(f"must select counters, such as requests_total{{code=~'5..'}}, got {text!r}")
        parse(f"{text}[5m]", features)
    except AnyascopeError as error:
        section.wrong(str(error), name=name)
        return ""
    return text


def _severities(section: Section) -> tuple[str, ...]:
    known = tuple(burn.severity for burn in BURNS)
    if not section.has("alerts"):
        return known
    wanted = section.texts("alerts")
    for text in wanted:
        if text not in known:
            section.wrong(f"must be of {', '.join(known)}, got {text!r}", name="alerts")
    return tuple(text for text in wanted if text in known)


def _check_labels(section: Section, slo: Slo) -> bool:
    wrong = {name for name in (*slo.labels, *slo.by) if not _LABEL.fullmatch(name)}
    taken = _OWN_LABELS.intersection((*slo.labels, *slo.by))
    for name in sorted(wrong):
        section.wrong(f"invalid label name: {name}", name="labels" if name in slo.labels else "by")
    for name in sorted(taken):
        section.wrong(f"label {name} is given by the objective itself", name="labels" if name in slo.labels else "by")
    written = [name for name, text in slo.labels.items() if "{{" in text]
    for name in written:
        section.section("labels").wrong("must be a fixed text: it stands on series, too", name=name)
    for name, text in slo.annotations.items():
        try:
            parse_rule_template(ALERT, text)
        except TemplateError as error:
            section.section("annotations").wrong(error.message, name=name)
            return False
    return not (wrong or taken or written)
