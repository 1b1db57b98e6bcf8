"""A whole body: its samples, and what its comments say of the families."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.lines import ExpositionError, Format, SampleLine, parse_line, unescape

_TEXT_TYPES = {
    b"counter": MetricType.COUNTER,
    b"gauge": MetricType.GAUGE,
    b"histogram": MetricType.HISTOGRAM,
    b"summary": MetricType.SUMMARY,
    b"untyped": MetricType.UNKNOWN,
}
_OPENMETRICS_TYPES = {kind.value.encode(): kind for kind in MetricType}
_TYPES = {Format.TEXT: _TEXT_TYPES, Format.OPENMETRICS: _OPENMETRICS_TYPES}

_NAME = rb'([a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)*")'
_TEXT_COMMENT = re.compile(rb"#[ \t]+(HELP|TYPE)[ \t]+" + _NAME + rb"(?:[ \t]+(.*))?", re.DOTALL)
_TEXT_SPEAKS = re.compile(rb"#[ \t]+(HELP|TYPE)[ \t]+")
_OPENMETRICS_COMMENT = re.compile(rb"# (HELP|TYPE|UNIT) " + _NAME + rb" (.*)", re.DOTALL)
_END = b"# EOF"


@dataclass(frozen=True, slots=True)
class Exposition:
    """A body taken apart: samples in its order, one metadata entry a family."""

    samples: tuple[SampleLine, ...]
    metadata: tuple[MetricMetadata, ...]


def format_of(content_type: str) -> Format | None:
    """The format that a Content-Type header names; None where it names none of them, or is empty."""
    media = content_type.partition(";")[0].strip().lower()
    return next((form for form in Format if form.value == media), None)


def parse_exposition(body: bytes, *, form: Format) -> Exposition:
    """Everything that a body says.

    Raises:
        ExpositionError: it is not in this format; nothing of it may be used.

    Source: Prometheus exposition formats 0.0.4; OpenMetrics 1.0.
    """
    comments = Comments(form)
    samples: list[SampleLine] = []
    lines = split_lines(body, form=form)
    for number, line in enumerate(lines, 1):
        if line.startswith(b"#"):
            comments.read(line, number=number)
        elif line and not line.isspace():
            samples.append(parse_line(line, form=form, number=number, family_type=comments.family_type))
        elif form is Format.OPENMETRICS:
            raise ExpositionError("expected no empty line", line=number)
    return Exposition(tuple(samples), comments.metadata())


def split_lines(body: bytes, *, form: Format) -> Sequence[bytes]:
    """The lines of a body without their line feeds, and without OpenMetrics' closing `# EOF`.

    Raises:
        ExpositionError: an OpenMetrics body was cut off, or goes on behind its end.
    """
    lines = body.split(b"\n")
    # The last line feed may be missing: upstream takes such a body, and there are exporters that write it.
    if lines[-1] == b"":
        lines.pop()
    if form is Format.OPENMETRICS:
        if not lines or lines[-1] != _END:
            raise ExpositionError("data does not end with # EOF", line=len(lines))
        lines.pop()
    return lines


@dataclass(slots=True)
class _Family:
    type: MetricType = MetricType.UNKNOWN
    help: str = ""
    unit: str = ""


@dataclass(slots=True)
class Comments:
    """What the comments of one body say, fed line by line. `family_name` and `_type` are what the last `# TYPE` declared."""

    form: Format
    family_name: str = ""
    family_type: MetricType = MetricType.UNKNOWN
    _families: dict[str, _Family] = field(default_factory=dict)

    def read(self, line: bytes, *, number: int) -> None:
        """Take in one comment line.

        Raises:
            ExpositionError: it is HELP, TYPE or UNIT and not well formed, or a comment where OpenMetrics allows none.
        """
        if self.form is Format.OPENMETRICS:
            found = _OPENMETRICS_COMMENT.fullmatch(line)
            if found is None:
                wanted = "unexpected data after # EOF" if line == _END else "expected HELP, TYPE or UNIT with a name"
                raise ExpositionError(f"{wanted}, got {_shown(line)}", line=number)
        else:
            found = _TEXT_COMMENT.fullmatch(line)
            if found is None:
                if _TEXT_SPEAKS.match(line):
                    raise ExpositionError(f"expected a metric name, got {_shown(line)}", line=number)
                return
        self._note(found.group(1), found.group(2), found.group(3) or b"", number)

    def metadata(self) -> tuple[MetricMetadata, ...]:
        """One entry a family, in the order of their first mention."""
        return tuple(
            MetricMetadata(name, family.type, family.help, family.unit) for name, family in self._families.items()
        )

    def _note(self, what: bytes, raw_name: bytes, text: bytes, number: int) -> None:
        try:
            name = raw_name.decode()
            said = text.decode()
        except UnicodeDecodeError:
            raise ExpositionError(f"expected UTF-8, got {_shown(raw_name + b' ' + text)}", line=number) from None
        if name.startswith('"'):
            name = unescape(name[1:-1])
        family = self._families.setdefault(name, _Family())
        match what:
            case b"TYPE":
                kind = _TYPES[self.form].get(text.strip(b" \t") if self.form is Format.TEXT else text)
                if kind is None:
                    raise ExpositionError(f"{said!r} is not a metric type", line=number)
                family.type = self.family_type = kind
                self.family_name = name
            case b"UNIT":
                if said and not name.endswith(f"_{said}"):
                    raise ExpositionError(f"unit {said!r} is not the end of the name {name!r}", line=number)
                family.unit = said
            case _:
                family.help = unescape(said) if "\\" in said else said


def _shown(line: bytes) -> str:
    return repr(line[:EXCERPT_BYTES_MAX].decode("utf-8", "replace"))


EXCERPT_BYTES_MAX = 120  # how much of a broken comment an error shows
