"""Cuts what is too long, with a mark that says how much is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain

from anyascope.ingest.options import AdmitOptions
from anyascope.model.attributes import AttributeValue
from anyascope.model.metadata import shortened

_STRUCTURED = frozenset((list, dict, bytes))


class Shortener:
    """Holds one request's records to the limits. `cuts` says how often what was cut."""

    def __init__(self, options: AdmitOptions) -> None:
        self._options = options
        self.cuts: dict[str, int] = {}

    def texts(self, column: list[str], *, chars_max: int, what: str) -> None:
        """Cut the entries of a column in place."""
        if max(map(len, column), default=0) <= chars_max:
            return
        for row, text in enumerate(column):
            if len(text) > chars_max:
                column[row] = shortened(text, chars_max)
                self._count(what)

    def attributes(self, column: list[dict[str, AttributeValue]], names: frozenset[str] | set[str]) -> int:
        """Cut too many attributes, too long names and too long values; entries are replaced, not changed.

        Args:
            column: one mapping a record.
            names: all attribute names of the column.

        Returns:
            Characters of all text values, for the queue's count.
        """
        options = self._options
        values = list(chain.from_iterable(map(dict.values, column)))
        texts = [value for value in values if value.__class__ is str]
        lengths = list(map(len, texts))
        long = max(lengths, default=0) > options.attribute_value_chars_max
        many = max(map(len, column), default=0) > options.attributes_max
        long_names = max(map(len, names), default=0) > options.attribute_name_chars_max
        structured = not _STRUCTURED.isdisjoint(map(type, values))
        if long or many or long_names or structured:
            for row, entry in enumerate(column):
                column[row] = self.entry(entry)
        return sum(lengths)

    def entry(self, entry: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
        """One record's attributes within the limits; the same object where they already are."""
        options = self._options
        items: Sequence[tuple[str, AttributeValue]] = list(entry.items())
        if len(items) > options.attributes_max:
            items = items[: options.attributes_max]
            self._count("attributes")
        kept = {self._name(name): self._value(value) for name, value in items}
        return entry if kept == entry else kept

    def _name(self, name: str) -> str:
        if len(name) <= self._options.attribute_name_chars_max:
            return name
        self._count("attribute_name")
        return shortened(name, self._options.attribute_name_chars_max)

    def _value(self, value: AttributeValue) -> AttributeValue:
        chars_max = self._options.attribute_value_chars_max
        if isinstance(value, bytes):
            value_cut: AttributeValue = value[:chars_max]
        elif isinstance(value, str):
            value_cut = shortened(value, chars_max)
        elif isinstance(value, list | dict):
            text = json.dumps(value, ensure_ascii=False, default=repr)
            # A structure cannot be cut and stay one: its beginning is kept as text.
            value_cut = value if len(text) <= chars_max else shortened(text, chars_max)
        else:
            return value
        if value_cut is not value and value_cut != value:
            self._count("attribute_value")
        return value_cut

    def _count(self, what: str) -> None:
        self.cuts[what] = self.cuts.get(what, 0) + 1
