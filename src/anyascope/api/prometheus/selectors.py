"""`match[]` and its kin: a series selector and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels, Matcher, MatchOp
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.parse import selector_of
from anyascope.store.labelindex import Pattern, accepts

NOT_EMPTY = "at least one non-empty matcher"  # stands in what the parser says of `{}`
NO_MATCHER = f"match[] must contain {NOT_EMPTY}"


def matchers_of(text: str) -> Sequence[Matcher]:
    """What one selector selects.

    Raises:
        QuerySyntaxError: it is no series selector; the place is told.
        InvalidInputError: it would select everything.
    """
    try:
        return selector_of(text).matchers
    except QuerySyntaxError as error:
        if NOT_EMPTY in error.message:
            raise InvalidInputError(NO_MATCHER) from error
        raise


def matcher_sets(texts: Iterable[str], *, parameter: str = "") -> list[Sequence[Matcher]]:
    """What several of them select; where `parameter` is named, it stands in the error.

    Raises:
        InvalidInputError: one of them is no series selector.
    """
    found: list[Sequence[Matcher]] = []
    for text in texts:
        try:
            found.append(matchers_of(text))
        except InvalidInputError as error:
            message = f'invalid parameter "{parameter}": {error.message}' if parameter else error.message
            raise InvalidInputError(message) from error
    return found


def selects(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Whether all matchers hold for these labels; a missing one counts as empty."""
    values = dict(labels)
    return all(accepts(each, values.get(each.name, ""), _pattern(each)) for each in matchers)


def _pattern(matcher: Matcher) -> Pattern | None:
    return Pattern(matcher.value) if matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX} else None
