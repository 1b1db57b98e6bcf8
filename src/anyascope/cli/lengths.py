"""Lengths of time as people write them after an option."""

from __future__ import annotations

from anyascope.errors import InvalidInputError


def seconds_of(text: str, *, option: str) -> float:
    """Seconds of `2h` or `1d12h`.

    Raises:
        InvalidInputError: it is no length; the message names the option.
    """
    # Late, so that `--help` does not wait for it.
    from anyascope.wire.durations import parse_duration_ms

    try:
        return parse_duration_ms(text) / 1000
    except ValueError as error:
        raise InvalidInputError(f"{option}: {error}") from None
