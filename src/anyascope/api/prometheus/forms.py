"""What a request asks for: parameters of the address and of a form in the body, read strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.requests import Request

from anyascope.api.bodies import body_of
from anyascope.errors import InvalidInputError
from anyascope.wire import durations

FORM_BYTES_MAX = 1024 * 1024  # the longest query that is read has 64 kB, its percent-encoding three times that
FIELDS_MAX = 1_000  # `match[]` repeats; pages send a handful
SECONDS_MAX = 2.0**53 / 1000  # milliseconds are exact in a double up to here, some 285,000 years
TIME_MIN_MS = 0  # where a stretch of time begins that names no beginning; nothing stored is older
TIME_MAX_MS = 253_402_300_799_999  # the last millisecond of the year 9999
WHOLE_MAX = 2**63 - 1  # Go's int

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WHOLE = re.compile(r"[+-]?\d{1,30}", re.ASCII)
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a request, each with all its values in order."""

    fields: Mapping[str, Sequence[str]]

    def text(self, name: str, default: str = "") -> str:
        """The first value, or the default."""
        values = self.fields.get(name)
        return values[0] if values else default

    def texts(self, name: str) -> Sequence[str]:
        """All values."""
        return self.fields.get(name, ())

    def time_ms(self, name: str, default_ms: int | None = None) -> int:
        """A time as UTC milliseconds.

        Raises:
            InvalidInputError: it is no time, or absent without a default.
        """
        text = self.text(name)
        if default_ms is None:
            return _checked(name, text, parse_time_ms)
        try:
            return parse_time_ms(text) if text else default_ms
        except InvalidInputError as error:
            # Upstream words it differently where the parameter may be absent.
            told = f"invalid parameter \"{name}\": invalid time value for '{name}': {error.message}"
            raise InvalidInputError(told) from error

    def duration_ms(self, name: str, default_ms: int | None = None) -> int:
        """A duration in milliseconds.

        Raises:
            InvalidInputError: it is no duration, or absent without a default.
        """
        text = self.text(name)
        if not text and default_ms is not None:
            return default_ms
        return _checked(name, text, parse_duration_ms)

    def limit(self, name: str = "limit") -> int:
        """How many at most; 0 is no limit.

        Raises:
            InvalidInputError: it is no whole number, or negative.
        """
        text = self.text(name)
        if not text:
            return 0
        if not _WHOLE.fullmatch(text):
            raise InvalidInputError(f'invalid parameter "{name}": strconv.Atoi: parsing "{text}": invalid syntax')
        if not -WHOLE_MAX <= int(text) <= WHOLE_MAX:
            raise InvalidInputError(f'invalid parameter "{name}": strconv.Atoi: parsing "{text}": value out of range')
        if int(text) < 0:
            raise InvalidInputError(f'invalid parameter "{name}": limit must be non-negative')
        return int(text)

    def whole(self, name: str, default: int = -1) -> int:
        """A whole number; upstream counts without a bound where it is negative.

        Raises:
            InvalidInputError: it is none.
        """
        text = self.text(name)
        if text and not (_WHOLE.fullmatch(text) and -WHOLE_MAX <= int(text) <= WHOLE_MAX):
            raise InvalidInputError(f"{name} must be a number")
        return int(text) if text else default

    def boolean(self, name: str) -> bool:
        """Whether it was said to be so; absent is not.

        Raises:
            InvalidInputError: it is neither true nor false in Go's words.
        """
        text = self.text(name)
        if text in _TRUE:
            return True
        if text and text not in _FALSE:
            told = f'error converting {name}: strconv.ParseBool: parsing "{text}": invalid syntax'
            raise InvalidInputError(f'invalid parameter "{name}": {told}')
        return False


def _checked(name: str, text: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(text)
    except InvalidInputError as error:
        raise InvalidInputError(f'invalid parameter "{name}": {error.message}') from error


async def form_of(request: Request) -> Form:
    """The parameters of the address and, of a POST, of the form in its body; those of the body stand first.

    Raises:
        TooLargeError: the body is larger than any form.
        InvalidInputError: it is not a form.
    """
    fields: dict[str, list[str]] = {}
    if request.method == "POST":
        body = await body_of(request, bytes_max=FORM_BYTES_MAX)
        try:
            fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
        except ValueError as error:
            raise InvalidInputError(f"error parsing form values: {error}") from error
    for name, value in request.query_params.multi_items():
        fields.setdefault(name, []).append(value)
    return Form(fields)


def parse_time_ms(text: str) -> int:
    """UTC milliseconds of seconds since 1970 (`1700000000.5`) or of RFC 3339.

    Raises:
        InvalidInputError: it is neither, or out of range.
    """
    message = f'cannot parse "{text}" to a valid timestamp'
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidInputError(message) from error
        if when.tzinfo is None or "T" not in text.upper():
            raise InvalidInputError(message) from None
        since = when - EPOCH  # not by way of UTC, in which the first and the last hours may be in no year that there is
        return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if not math.isfinite(seconds) or abs(seconds) > SECONDS_MAX or "_" in text:
        raise InvalidInputError(message)
    return round(seconds * 1000)


def parse_duration_ms(text: str) -> int:
    """Milliseconds of seconds (`15`, `0.5`) or of Prometheus' form (`1h30m`).

    Raises:
        InvalidInputError: it is neither, or out of range.
    """
    message = f'cannot parse "{text}" to a valid duration'
    try:
        seconds = float(text)
    except ValueError:
        try:
            return durations.parse_duration_ms(text)
        except ValueError as error:
            raise InvalidInputError(message) from error
    if not math.isfinite(seconds) or abs(seconds) > SECONDS_MAX or "_" in text:
        raise InvalidInputError(message)
    return round(seconds * 1000)
