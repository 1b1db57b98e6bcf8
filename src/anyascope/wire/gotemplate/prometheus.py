"""The functions that Prometheus gives to the templates of its rules.

Source: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast
from urllib.parse import quote_plus, urlsplit

import re2

from anyascope.wire.go_regexp import go_message
from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.fmt import format_float
from anyascope.wire.gotemplate.times import NS_PER_S, GoDuration, GoTime
from anyascope.wire.gotemplate.values import DataObject, Function, quoted, type_name
from anyascope.wire.settings import parse_duration_s

_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_LARGE_1024 = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_NS_MAX = float(2**63 - 1)
NS_PER_MS = 1_000_000
_REGEX_CHARS_MAX = 10_000  # a pattern is compiled at each call; people write under 200


class TemplateSample(DataObject):
    """One element of a query's answer: `.Labels` and `.Value`."""

    type_name = "*template.sample"

    def __init__(self, labels: Mapping[str, str], value: float | DataObject) -> None:
        self.labels = labels
        self.value = value

    def template_fields(self) -> Mapping[str, object]:
        return {"Labels": self.labels, "Value": self.value}


def safe_functions() -> Mapping[str, Function]:
    """Those that need to know nothing: all but `query`, `now`, `externalURL` and `pathPrefix`."""
    return _SAFE


def rule_functions(
    *, query: Callable[[str], Sequence[TemplateSample]], now_s: float, external_url: str
) -> Mapping[str, Function]:
    """All of Prometheus' functions.

    Args:
        query: answers an expression at the time of the evaluation; raises `TemplateFunctionError`.
        now_s: the evaluation's time, Unix seconds.
        external_url: where people reach this server.
    """
    return {
        **_SAFE,
        "query": Function(lambda text: list(query(text)), ("string",)),
        "now": Function(lambda: now_s),
        "externalURL": Function(lambda: external_url),
        "pathPrefix": Function(lambda: urlsplit(external_url).path),
    }


# --- numbers for people -----------------------------------------------------------------------------------------------


def to_float(value: object) -> float:
    """A number, a text that holds one, or a duration's seconds.

    Raises:
        TemplateFunctionError: it is none of these.
    """
    match value:
        case bool():
            pass
        case int() | float():
            return float(value)
        case str():
            try:
                return float(value.replace("_", "x"))
            except ValueError:
                raise TemplateFunctionError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None
        case GoDuration():
            return value.ns / NS_PER_S
    raise TemplateFunctionError(f"can't convert {type_name(value)} to float")


def _short(value: float) -> str:
    """As `%.4g` writes it."""
    return format_float(value, "g", 4)


def humanize(given: object) -> str:
    """Four digits and a metric prefix: 1234567 is `1.235M`."""
    value = to_float(given)
    if value == 0 or not math.isfinite(value):
        return _short(value)
    return "".join(_scaled(value))


def _scaled(value: float) -> tuple[str, str]:
    prefix = ""
    if abs(value) >= 1:
        for prefix_next in _LARGE:
            if abs(value) < 1000:
                break
            prefix, value = prefix_next, value / 1000
        return _short(value), prefix
    for prefix_next in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = prefix_next, value * 1000
    return _short(value), prefix


def humanize_1024(given: object) -> str:
    """Four digits and a prefix of 1024: 1048576 is `1Mi`."""
    value = to_float(given)
    if abs(value) <= 1 or not math.isfinite(value):
        return _short(value)
    prefix = ""
    for prefix_next in _LARGE_1024:
        if abs(value) < 1024:
            break
        prefix, value = prefix_next, value / 1024
    return _short(value) + prefix


def humanize_duration(given: object) -> str:
    """Seconds as days, hours, minutes and seconds, or with a prefix below one second."""
    value = to_float(given)
    if not math.isfinite(value):
        return _short(value)
    if value == 0:
        return _short(value) + "s"
    if abs(value) < 1:
        return "".join(_scaled(value)) + "s"
    sign, value = ("-" if value < 0 else ""), abs(value)
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{_short(value)}s"


def humanize_percentage(given: object) -> str:
    """A ratio as a percentage: 0.1234 is `12.34%`."""
    return _short(to_float(given) * 100) + "%"


def humanize_timestamp(given: object) -> str:
    """Unix seconds as a date and time in UTC."""
    value = to_float(given)
    return to_time(value).template_text() if math.isfinite(value) else _short(value)


def to_time(given: object) -> GoTime:
    """Unix seconds as a time in UTC."""
    value = to_float(given)
    if not math.isfinite(value):
        raise TemplateFunctionError("value is NaN or Inf")
    if abs(value * NS_PER_S) > _NS_MAX:
        raise TemplateFunctionError(
            f"{value} cannot be represented as a nanoseconds timestamp since it overflows int64"
        )
    return GoTime(int(value * NS_PER_S) // NS_PER_MS * NS_PER_MS)  # Prometheus' times are whole milliseconds


def _to_duration(given: object) -> GoDuration:
    value = to_float(given)
    if not math.isfinite(value) or abs(value * NS_PER_S) > _NS_MAX:
        raise TemplateFunctionError(f"{value} cannot be represented as a duration")
    return GoDuration(int(value * NS_PER_S))


def _parse_duration(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise TemplateFunctionError(f"not a valid duration string: {quoted(text)}") from error


# --- texts ------------------------------------------------------------------------------------------------------------


def compile_pattern(pattern: str) -> re2._Regexp:
    """A Go regular expression (RE2: linear time whatever the pattern).

    Raises:
        TemplateFunctionError: it is not one.
    """
    if len(pattern) > _REGEX_CHARS_MAX:
        raise TemplateFunctionError(f"a regular expression has at most {_REGEX_CHARS_MAX} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        raise TemplateFunctionError(go_message(error)) from error


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """Every match replaced; `$1`, `${1}` and `${name}` stand for groups, `$$` for a dollar, as in Go."""
    try:
        regex = compile_pattern(pattern)
    except TemplateFunctionError as error:
        raise TemplateFunctionError(f"regexp: Compile({_compiled(pattern)}): {error}") from error
    names = dict(regex.groupindex)
    template = list(_TEMPLATE.finditer(replacement))
    return cast("str", regex.sub(lambda match: _expand(match, replacement, template, names), text))


def _compiled(pattern: str) -> str:
    """How Go shows a pattern that it cannot compile."""
    return f"`{pattern}`" if "`" not in pattern and pattern.isprintable() else quoted(pattern)


_TEMPLATE = re2.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def _expand(match: re2._Match, replacement: str, template: list[re2._Match], names: Mapping[str, int]) -> str:
    parts: list[str] = []
    position = 0
    for part in template:
        parts.append(replacement[position : part.start()])
        dollar, bare, braced = part.groups()
        parts.append("$" if dollar else _group(match, bare or braced, names))
        position = part.end()
    return "".join((*parts, replacement[position:]))


def _group(match: re2._Match, name: str, names: Mapping[str, int]) -> str:
    number = int(name[:4]) if name.isdigit() else names.get(name, -1)
    return (match.group(number) or "") if 0 <= number <= match.re.groups else ""


def title(text: str) -> str:
    """Every word's first letter in upper case, the others as they are."""
    return "".join(
        character.upper() if not index or not _is_word(text[index - 1]) else character
        for index, character in enumerate(text)
    )


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_'"


def strip_port(host_port: str) -> str:
    """`host:port` without the port; anything else as it is."""
    host, _, port = host_port.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return host if host and ":" not in host and "]" not in port else host_port


def strip_domain(host_port: str) -> str:
    """The first name of a host, its port kept; an address as it is."""
    host = strip_port(host_port)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        port = host_port[len(host) :] if host != host_port else ""
        return host.split(".", 1)[0] + port
    return host_port


def table_link(expression: str) -> str:
    """Where the expression is shown as a table, below the external URL."""
    return f"/graph?g0.expr={quote_plus(expression)}&g0.tab=1"


def graph_link(expression: str) -> str:
    """Where the expression is shown as a graph, below the external URL."""
    return f"/graph?g0.expr={quote_plus(expression)}&g0.tab=0"


# --- query results ----------------------------------------------------------------------------------------------------


def _first(samples: Sequence[TemplateSample]) -> TemplateSample:
    if not samples:
        raise TemplateFunctionError("first() called on vector with no elements")
    return samples[0]


def _sort_by_label(label: str, samples: Sequence[TemplateSample]) -> list[TemplateSample]:
    return sorted(samples, key=lambda sample: sample.labels.get(label, ""))


def _arguments(*values: object) -> dict[str, object]:
    return {f"arg{index}": value for index, value in enumerate(values)}


_SAMPLE = TemplateSample.type_name
_SAFE: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "first": Function(_first, ("slice",)),
        "label": Function(lambda name, sample: sample.labels.get(name, ""), ("string", _SAMPLE)),
        "value": Function(lambda sample: sample.value, (_SAMPLE,)),
        "strvalue": Function(lambda sample: sample.labels.get("__value__", ""), (_SAMPLE,)),
        "sortByLabel": Function(_sort_by_label, ("string", "slice")),
        "args": Function(_arguments, ("any",), is_variadic=True),
        "humanize": Function(humanize, ("any",)),
        "humanize1024": Function(humanize_1024, ("any",)),
        "humanizeDuration": Function(humanize_duration, ("any",)),
        "humanizePercentage": Function(humanize_percentage, ("any",)),
        "humanizeTimestamp": Function(humanize_timestamp, ("any",)),
        "toTime": Function(to_time, ("any",)),
        "toDuration": Function(_to_duration, ("any",)),
        "parseDuration": Function(_parse_duration, ("string",)),
        "title": Function(title, ("string",)),
        "toUpper": Function(str.upper, ("string",)),
        "toLower": Function(str.lower, ("string",)),
        "match": Function(lambda pattern, text: bool(compile_pattern(pattern).search(text)), ("string", "string")),
        "reReplaceAll": Function(replace_all, ("string", "string", "string")),
        "graphLink": Function(graph_link, ("string",)),
        "tableLink": Function(table_link, ("string",)),
        "stripPort": Function(strip_port, ("string",)),
        "stripDomain": Function(strip_domain, ("string",)),
        "urlQueryEscape": Function(quote_plus, ("string",)),
        "safeHtml": Function(lambda text: text, ("string",)),
    }
)
FUNCTION_NAMES: Final = frozenset({*_SAFE, "query", "now", "externalURL", "pathPrefix"})
