"""How a query fails, in Prometheus' words."""

from __future__ import annotations

from anyascope.errors import InvalidInputError, LimitExceededError


class QuerySyntaxError(InvalidInputError):
    """The text is not PromQL; the message begins with `line:column: parse error:` (Prometheus' type `bad_data`)."""

    code = "invalid_query"


class QueryError(InvalidInputError):
    """The text is PromQL, but its evaluation met data that it cannot judge (Prometheus' type `execution`)."""

    code = "query_failed"


class QueryCancelledError(LimitExceededError):
    """Nobody waits for the query any more (Prometheus' type `canceled`)."""

    code = "query_cancelled"


class QueryTimeoutError(LimitExceededError):
    """The query ran past its time (Prometheus' type `timeout`)."""

    code = "query_timeout"
