"""Alertmanager's templates: those of the settings' files over our own of the same names."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path

from anyascope.errors import InvalidInputError
from anyascope.model.notifications import Notification
from anyascope.notify.template_data import MessageData, message_data
from anyascope.notify.template_functions import FUNCTION_NAMES, functions_for
from anyascope.wire.gotemplate import Template, TemplateError, parse_template
from anyascope.wire.gotemplate.nodes import Definition

FILES_MAX = 1_000  # a wildcard that catches a whole disk is a slip


class Templates:
    """Named templates that any text of a receiver may invoke."""

    def __init__(self, definitions: Mapping[str, Definition], *, now_ns: Callable[[], int]) -> None:
        self._definitions = definitions
        self._now_ns = now_ns
        self._parsed: dict[str, Template] = {}

    def check(self, text: str) -> None:
        """Raise `TemplateError` if this is no template."""
        self._template(text)

    def render(self, text: str, notification: Notification, *, is_html: bool = False) -> str:
        """The text of a receiver's field. In HTML what alerts say is escaped.

        Raises:
            TemplateError: it is no template, or its execution failed.
        """
        return text if "{{" not in text else self.render_data(text, message_data(notification), is_html=is_html)

    def render_data(self, text: str, data: MessageData, *, is_html: bool = False) -> str:
        """The same over data that is no notification of ours."""
        functions = functions_for(data, now_ns=self._now_ns())
        # Time is the thread's own: on a busy machine a template that does little must not be cut off.
        return self._template(text).execute(
            data, functions=functions, is_html=is_html, monotonic_ns=time.thread_time_ns
        )

    def _template(self, text: str) -> Template:
        known = self._parsed.get(text)
        if known is None:
            # The texts are those of the settings: a fixed, small set.
            parsed = parse_template("", text, functions=FUNCTION_NAMES)
            known = self._parsed[text] = parsed.with_definitions(self._definitions)
        return known


def load_templates(patterns: Sequence[str], *, now_ns: Callable[[], int]) -> Templates:
    """Read the files that these paths with wildcards name.

    Raises:
        InvalidInputError: a file cannot be read, or does not parse.
    """
    definitions = dict(_own_definitions())
    for pattern in patterns:
        paths = sorted(glob.glob(pattern))  # noqa: PTH207  # absolute patterns, which Path.glob does not take
        if len(paths) > FILES_MAX:
            raise InvalidInputError(f"templates: {pattern} names {len(paths)} files, at most {FILES_MAX} are read")
        for path in paths:
            definitions.update(_read(path))
    return Templates(definitions, now_ns=now_ns)


def _read(path: str) -> Mapping[str, Definition]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"template file {path} cannot be read: {error}") from error
    try:
        return parse_template(Path(path).name, text, functions=FUNCTION_NAMES).definitions
    except TemplateError as error:
        raise InvalidInputError(f"template file {path}: {error}") from error


@lru_cache(maxsize=1)
def _own_definitions() -> Mapping[str, Definition]:
    text = resources.files("anyascope.notify").joinpath("default.tmpl").read_text(encoding="utf-8")
    return parse_template("default.tmpl", text, functions=FUNCTION_NAMES).definitions
