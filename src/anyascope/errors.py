"""The six ways in which a room says no, each with a stable `code`.

A message names the thing, what was found and what was wanted. `api.problems` holds the one table from these to HTTP
statuses; `receive` the one to gRPC codes.
"""


class AnyascopeError(Exception):
    """Base of every error that a room raises on purpose."""

    code = "internal"


class InvalidInputError(AnyascopeError):
    """The request is wrong and stays wrong until the caller mends it.

    Args:
        message: what was found and what was wanted.
        path: where in the input, such as `scrape_configs[0].scrape_interval`; empty where there is no such place.
    """

    code = "invalid_input"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.message = message
        self.path = path


class TooLargeError(InvalidInputError):
    """The input exceeds a named limit; send less at a time (HTTP 413)."""

    code = "too_large"


class NotFoundError(AnyascopeError):
    """What was asked for does not exist."""

    code = "not_found"


class ConflictError(AnyascopeError):
    """Somebody else changed it first; read again, then retry."""

    code = "conflict"


class DeniedError(AnyascopeError):
    """The caller may not do this."""

    code = "denied"


class UnsupportedError(AnyascopeError):
    """The server cannot do this; ask in another way."""

    code = "unsupported"


class LimitExceededError(UnsupportedError):
    """A query ran past a named limit of time, series or samples; narrow it (Prometheus error type `execution`)."""

    code = "limit_exceeded"


class UnavailableError(AnyascopeError):
    """Nothing is wrong with the request; send it again after `retry_after_s`."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OverloadedError(UnavailableError):
    """The caller sends faster than can be kept, and nothing was taken; slow down (HTTP 429)."""

    code = "overloaded"
