"""A receiver's texts for one notification: rendered when they are asked for, and never so broken that nothing is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from anyascope.model.notifications import Notification
from anyascope.notify.templates import Templates
from anyascope.wire.gotemplate import TemplateError
from anyascope.wire.gotemplate.builtins import escape_html
from anyascope.wire.notices.plain import plain_text, template_notice


class Texts:
    """The template fields of one integration, filled in for one notification.

    A template that fails is told in `note`, and the field has its default instead: a page in another layout is worth more
    than none. Where the default fails too (a file of `templates` may redefine it) the field is empty, but for `said`.

    Args:
        given: the receiver's own templates by field.
        defaults: upstream's, of all fields.
        said: the field without which there is nothing to say; what delivery itself has to say stands at its end.
    """

    def __init__(
        self,
        templates: Templates,
        notification: Notification,
        *,
        given: Mapping[str, str],
        defaults: Mapping[str, str],
        said: str = "",
    ) -> None:
        self.notification = notification
        self._templates = templates
        self._given = given
        self._defaults = defaults
        self._said = said
        self._notes: list[str] = []

    def __getitem__(self, name: str) -> str:
        """The text of a field."""
        return self._field(name, is_html=False)

    def has(self, name: str) -> bool:
        """Whether the receiver has a text of its own for this field."""
        return name in self._given

    def html(self, name: str) -> str:
        """The text of a field in which what alerts say is escaped."""
        return self._field(name, is_html=True)

    def spoken(self, name: str, *, is_html: bool = False) -> str:
        """The text of a field for a far end that refuses an empty one: what fires and what ended, where it came out blank."""
        text = self._field(name, is_html=is_html)
        if text.strip():
            return text
        plain = plain_text(self.notification)
        return escape_html(plain) if is_html else plain

    def of(self, template: str) -> str:
        """Any other text of the receiver; empty if it fails."""
        try:
            return self._templates.render(template, self.notification)
        except TemplateError as error:
            self._notes.append(f"{template[:40]!r} is left out, since {error}")
            return ""

    def must(self, template: str) -> str:
        """A text that nothing can stand in for, such as a key.

        Raises:
            TemplateError: it failed.
        """
        return self._templates.render(template, self.notification)

    def deep(self, value: Any) -> Any:
        """YAML whose texts are templates: the same structure with them filled in, mappings by name.

        A text that renders to a number, a truth value, a list or a mapping in JSON becomes one, an empty text null, as in
        Alertmanager (which takes any YAML there).
        """
        match value:
            case str():
                return _inline(self.of(value))
            case Mapping():
                filled = {self.of(str(name)): self.deep(inner) for name, inner in value.items()}
                return dict(sorted(filled.items()))
            case list() | tuple():
                return [self.deep(inner) for inner in value]
        return value

    @property
    def note(self) -> str:
        """What had to be replaced so far, to be added to an outcome's detail."""
        return "".join(f"; {note}" for note in self._notes)

    def _field(self, name: str, *, is_html: bool) -> str:
        text, notice = self._rendered(name, is_html=is_html), self.notification.notice
        if name != self._said or not notice:
            return text
        return f"{text.rstrip()}\n\n{escape_html(notice) if is_html else notice}"

    def _rendered(self, name: str, *, is_html: bool) -> str:
        try:
            return self._templates.render(self._text(name), self.notification, is_html=is_html)
        except TemplateError as error:
            self._notes.append(f"{name} in the default form, since {error}")
            notice = template_notice(error)
        try:
            text = self._templates.render(self._defaults[name], self.notification, is_html=is_html)
        except TemplateError:
            text = ""
        if name != self._said:
            return text
        # Whoever reads the message learns that it is not what the receiver's owner wrote.
        text = text.strip() or _shown(plain_text(self.notification), is_html=is_html)
        return f"{text}\n\n{_shown(notice, is_html=is_html)}"

    def _text(self, name: str) -> str:
        return self._given.get(name, self._defaults[name])


def _shown(text: str, *, is_html: bool) -> str:
    return escape_html(text) if is_html else text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and infinities are no JSON


def _inline(text: str) -> Any:
    if not text:
        return None
    try:
        value = json.loads(text, parse_constant=_refuse)
        return text if isinstance(value, str) else _ordered(value)
    except (ValueError, RecursionError):
        return text


def _ordered(value: Any) -> Any:
    # Go writes mappings by name. What alerts say in it is not looked at for templates again, as upstream does.
    match value:
        case dict():
            return {name: _ordered(value[name]) for name in sorted(value)}
        case list():
            return [_ordered(item) for item in value]
    return value
