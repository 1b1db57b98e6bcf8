"""Times, durations and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from anyascope.semconv.coins import smallest_unit

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def read_time(text: str) -> datetime:
    """The time that the server wrote, to the microsecond."""
    whole, _, part = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{part[:6].ljust(6, '0')}").replace(tzinfo=UTC)


def read_ns(text: str) -> int:
    """The time that the server wrote, in Unix nanoseconds, exactly."""
    whole, _, part = text.removesuffix("Z").partition(".")
    return int(read_time(whole).timestamp()) * NS_PER_S + int(part.ljust(9, "0"))


def local_time(text: str) -> str:
    """A server's time in the reader's own zone, to the millisecond, the zone beside it."""
    local = read_time(text).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def time_or_dash(text: str | None) -> str:
    """The same; a dash where there is none."""
    return local_time(text) if text else "-"


def duration(duration_ns: float) -> str:
    """`81 ms`, `1.20 s`, `3 h 12 m`: three digits at most."""
    if duration_ns < NS_PER_US:
        return f"{duration_ns:.0f} ns"
    if duration_ns < NS_PER_MS:
        return f"{duration_ns / NS_PER_US:.3g} µs"
    if duration_ns < NS_PER_S:
        return f"{min(duration_ns / NS_PER_MS, 999):.3g} ms"
    if duration_ns < 60 * NS_PER_S:
        return f"{duration_ns / NS_PER_S:.3g} s"
    seconds = int(duration_ns // NS_PER_S)
    for unit, name, lower_s, lower in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= unit:
            return f"{seconds // unit} {name} {seconds % unit // lower_s} {lower}"
    raise AssertionError(seconds)


def size(count: float) -> str:
    """`200 MiB`: three digits at most."""
    for unit in _BYTE_UNITS[:-1]:
        if round(count) < 1000:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} {_BYTE_UNITS[-1]}"


def ago(text: str | None, *, now: datetime) -> str:
    """How long ago a server's time was: `3 m 5 s`; a dash where there is none."""
    if not text:
        return "-"
    seconds = max((now - read_time(text)).total_seconds(), 0.0)
    return duration(int(seconds) * NS_PER_S) if seconds >= 1 else "now"


def relative(since: str) -> str:
    """`1h` as the API takes it, `-1h`; every other time as it is."""
    return f"-{since}" if since[:1].isdigit() and since[-1:].isalpha() and "T" not in since else since


def wallet_of(name: str, coin: str) -> str:
    """`hot`, `hot (litecoin)`: a wallet by its name, and its coin where that is not Bitcoin."""
    return f"{name} ({coin})" if coin else name


def amount_of(sats: int, coin: str) -> str:
    """`50,000`, `50,000 litoshis`: an amount below a heading that says sats."""
    return f"{sats:,} {smallest_unit(coin)}" if coin else f"{sats:,}"
