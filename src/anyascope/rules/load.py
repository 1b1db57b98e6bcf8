"""Prometheus' rule files, read strictly: every mistake of a file is reported with its line and path.

Source: https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/ and alerting_rules/.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob
from pathlib import Path

from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.promql.parse import parse
from anyascope.promql.signatures import Feature
from anyascope.rules.blocks import BlockSpan, parse_span
from anyascope.rules.conditions import data_expr_of, recover_expr_of
from anyascope.rules.definition import AlertingRule, NoData, RecordingRule, Rule, RuleGroup
from anyascope.rules.expand import parse_rule_template
from anyascope.rules.slo import group_of
from anyascope.rules.slofile import SLO_FIELDS, read_slo
from anyascope.wire.gotemplate import Template, TemplateError
from anyascope.wire.settings import SETTINGS_BYTES_MAX, Mistake, Section, SettingsError, read_settings

FILES_MAX = 10_000  # a glob that matches more is a mistake, such as `/**`

_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_GROUP_FIELDS = ("name", "interval", "query_offset", "limit", "rules", "labels")
_OWN_FIELDS = ("recover", "recover_expr", "no_data")  # Prometheus reads none of them
_RULE_FIELDS = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_ALL_FIELDS = (*_RULE_FIELDS, *_OWN_FIELDS)


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How strictly files are read.

    Attributes:
        features: what of PromQL that is off by default expressions may use.
        are_names_legacy: only ASCII names as before UTF-8 names were allowed.
        are_own_fields_refused: read no fields but those of Prometheus.
        are_unknown_fields_ignored: read on past fields that are not known, as `promtool --ignore-unknown-fields` does.
    """

    features: frozenset[Feature] = frozenset()
    are_names_legacy: bool = False
    are_own_fields_refused: bool = False
    are_unknown_fields_ignored: bool = False


DEFAULT_OPTIONS = LoadOptions()


def load_rules(text: str, *, file: str, options: LoadOptions = DEFAULT_OPTIONS) -> tuple[RuleGroup, ...]:
    """The groups of one rule file, in file order.

    Raises:
        SettingsError: with every mistake.
    """
    top = read_settings(text, file=file)
    groups = _Loader(options).groups(top)
    top.raise_if_wrong()
    return groups


def load_rule_files(
    patterns: Sequence[str], *, base: Path, options: LoadOptions = DEFAULT_OPTIONS
) -> tuple[RuleGroup, ...]:
    """The groups of all files that match the patterns (`rules/*.yml`), relative ones below `base`; by pattern, then name.

    Raises:
        SettingsError: with every mistake of every file; also a file that cannot be read, and a plain name without a file.
    """
    groups: list[RuleGroup] = []
    mistakes: list[Mistake] = []
    for path in _matching(patterns, base, mistakes):
        try:
            groups.extend(load_rules(read_rule_file(path), file=str(path), options=options))
        except SettingsError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise SettingsError(mistakes)
    return tuple(groups)


def _matching(patterns: Sequence[str], base: Path, mistakes: list[Mistake]) -> list[Path]:
    paths: dict[Path, None] = {}
    for pattern in patterns:
        found = sorted(glob(str(base / pattern)))  # noqa: PTH207 - Path.glob refuses absolute patterns
        if not found and not any(sign in pattern for sign in "*?["):
            mistakes.append(Mistake(str(base / pattern), 0, "rule_files", "no such file"))
        paths.update(dict.fromkeys(Path(name) for name in found))
    if len(paths) > FILES_MAX:
        mistakes.append(Mistake(str(base), 0, "rule_files", f"{len(paths)} files match, at most {FILES_MAX} are read"))
        return []
    return list(paths)


def read_rule_file(path: Path) -> str:
    """The text of a file.

    Raises:
        SettingsError: it cannot be read, or is not UTF-8.
    """
    try:
        with path.open("rb") as opened:
            body = opened.read(SETTINGS_BYTES_MAX + 1)
        return body.decode("utf-8")
    except OSError as error:
        raise SettingsError([Mistake(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Mistake(str(path), 0, "", f"is not UTF-8: byte {error.start}")]) from error


@dataclass(frozen=True, slots=True)
class _RuleSection:
    """One rule's section; `who` says which rule it is, as promtool does."""

    section: Section
    who: str

    def wrong(self, message: str, *, name: str = "") -> None:
        """Note a mistake of the rule, or of one of its fields."""
        self.section.wrong(self.who + message, name=name)

    def inner(self, name: str) -> _RuleSection:
        """A mapping of the rule."""
        return _RuleSection(self.section.section(name), self.who)


class _Loader:
    """Reads the groups of one file, noting mistakes in its sections."""

    def __init__(self, options: LoadOptions = DEFAULT_OPTIONS) -> None:
        self._options = options

    def groups(self, top: Section) -> tuple[RuleGroup, ...]:
        self._check_fields(top, ("groups",) if self._options.are_own_fields_refused else ("groups", "slos"))
        groups: list[RuleGroup] = []
        names: set[str] = set()
        for section in top.sections("groups"):
            group = self._group(section)
            if not group.name:
                section.wrong("Groupname must not be empty")
            elif group.name in names:
                section.wrong(f'groupname: "{group.name}" is repeated in the same file', name="name")
            names.add(group.name)
            groups.append(group)
        return (*groups, *self._slos(top))

    def _slos(self, top: Section) -> Iterator[RuleGroup]:
        """The groups that objectives are made into."""
        names: set[str] = set()
        for section in () if self._options.are_own_fields_refused else top.sections("slos"):
            self._check_fields(section, SLO_FIELDS)
            slo = read_slo(section, self._options.features)
            if slo is None:
                continue
            if slo.name in names:
                section.wrong(f"name {slo.name!r} is repeated in the same file", name="name")
            names.add(slo.name)
            yield group_of(slo, file=section.file)

    def _check_fields(self, section: Section, known: Collection[str]) -> None:
        if self._options.are_unknown_fields_ignored:
            return
        for name in section.names():
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                section.wrong(f"field {name} not found{hint}", name=name)

    def _group(self, section: Section) -> RuleGroup:
        self._check_fields(section, _GROUP_FIELDS)
        shared = section.text_map("labels")
        self._check_labels(_RuleSection(section, ""), shared)
        return RuleGroup(
            name=section.text("name", ""),
            file=section.file,
            rules=tuple(self._rules(section, shared)),
            interval_s=section.duration_s("interval", 0.0),
            limit=max(section.integer("limit", 0), 0),  # a negative one is none, upstream
            query_offset_s=section.duration_s("query_offset", None),
        )

    def _rules(self, group: Section, shared: Mapping[str, str]) -> Iterator[Rule]:
        group_name = group.text("name", "")
        for number, section in enumerate(group.sections("rules"), 1):
            name = section.text("record", "") or section.text("alert", "")
            yield self._rule(_RuleSection(section, f'group "{group_name}", rule {number}, "{name}": '), shared)

    def _rule(self, rule: _RuleSection, shared: Mapping[str, str]) -> Rule:
        section = rule.section
        self._check_fields(section, _RULE_FIELDS if self._options.are_own_fields_refused else _ALL_FIELDS)
        record, alert = section.text("record", ""), section.text("alert", "")
        if record and alert:
            rule.wrong("only one of 'record' and 'alert' must be set")
        elif not record and not alert:
            rule.wrong("one of 'record' or 'alert' must be set")
        expr = self._expr(rule)
        own = section.text_map("labels")
        self._check_labels(rule, own)
        labels = {**shared, **own}
        if alert and not record:
            return self._alerting(rule, alert, expr=expr, labels=labels)
        return self._recording(rule, record, expr=expr, labels=tuple(sorted(labels.items())))

    def _expr(self, rule: _RuleSection) -> str:
        expr = rule.section.text("expr", "")
        if not expr:
            rule.wrong("field 'expr' must be set in rule", name="expr")
            return ""
        try:
            parse(expr, self._options.features)
        except AnyascopeError as error:
            rule.wrong(f"could not parse expression: {error}", name="expr")
        return expr

    def _recording(self, rule: _RuleSection, name: str, *, expr: str, labels: Labels) -> RecordingRule:
        section = rule.section
        given = {
            "for": any(self._hold(rule, "for")),
            "keep_firing_for": any(self._hold(rule, "keep_firing_for")),
            "annotations": section.text_map("annotations"),
            **{field: section.text(field, "") for field in _OWN_FIELDS if field in section.names()},
        }
        for field, value in given.items():
            if value:  # zero and nothing say nothing, and upstream lets them pass
                rule.wrong(f"invalid field '{field}' in recording rule", name=field)
        if name and not self._is_metric_name(name):
            rule.wrong(f"invalid recording rule name: {name}", name="record")
        if "{" in name or "}" in name:
            rule.wrong(f"braces present in the recording rule name; should it be in expr?: {name}", name="record")
        return RecordingRule(name, expr, labels, rule.section.line())

    def _alerting(self, rule: _RuleSection, name: str, *, expr: str, labels: Mapping[str, str]) -> AlertingRule:
        section = rule.section
        annotations = section.text_map("annotations")
        for annotation in annotations:
            if not self._is_label_name(annotation):
                rule.inner("annotations").wrong(f"invalid annotation name: {annotation}", name=annotation)
        recover_expr, data_expr, no_data = self._own_fields(rule, expr)
        (hold_s, hold_blocks), (keep_s, keep_blocks) = self._hold(rule, "for"), self._hold(rule, "keep_firing_for")
        if hold_blocks and keep_blocks and hold_blocks.chain != keep_blocks.chain:
            rule.wrong("for and keep_firing_for must count blocks of the same chain", name="keep_firing_for")
        return AlertingRule(
            name=name,
            expr=expr,
            hold_s=hold_s,
            keep_firing_s=keep_s,
            labels=self._templates(rule, name, "label", labels),
            annotations=self._templates(rule, name, "annotation", annotations),
            label_texts=tuple(sorted(labels.items())),
            annotation_texts=annotations,
            line=section.line(),
            recover_expr=recover_expr,
            data_expr=data_expr,
            no_data=no_data,
            hold_blocks=hold_blocks,
            keep_firing_blocks=keep_blocks,
        )

    def _hold(self, rule: _RuleSection, name: str) -> tuple[float, BlockSpan | None]:
        """`for` or `keep_firing_for`: seconds, or blocks where our own notation is read."""
        if not self._options.are_own_fields_refused:
            try:
                span = parse_span(rule.section.text(name, ""))
            except InvalidInputError as error:
                rule.wrong(str(error), name=name)
                return 0.0, None
            if span is not None:
                return 0.0, span
        return rule.section.duration_s(name, 0.0), None

    def _own_fields(self, rule: _RuleSection, expr: str) -> tuple[str, str, NoData]:
        """The condition of recovery, the data behind the alert's condition, and what is concluded without data."""
        section = rule.section
        if not expr or self._options.are_own_fields_refused or not any(name in section.names() for name in _OWN_FIELDS):
            return "", "", NoData.OK
        no_data = section.choice("no_data", NoData, NoData.OK)
        recover_expr = self._recovery(rule, expr)
        if not recover_expr and no_data is NoData.OK:
            return "", "", no_data
        try:
            return recover_expr, self._data_expr(expr, recover_expr), no_data
        except InvalidInputError as error:
            name = next(name for name in _OWN_FIELDS if name in section.names())
            rule.wrong(f"{name} {error}", name=name)
            return "", "", NoData.OK

    def _recovery(self, rule: _RuleSection, expr: str) -> str:
        section = rule.section
        threshold, recover_expr = section.text("recover", ""), section.text("recover_expr", "")
        if threshold and recover_expr:
            rule.wrong("only one of 'recover' and 'recover_expr' must be set", name="recover")
            return ""
        try:
            if threshold:
                return recover_expr_of(expr, threshold)
            if recover_expr:
                parse(recover_expr, self._options.features)
        except AnyascopeError as error:
            rule.wrong(f"could not read the recovery: {error}", name="recover" if threshold else "recover_expr")
            return ""
        return recover_expr

    @staticmethod
    def _data_expr(expr: str, recover_expr: str) -> str:
        """Of the alert's expression; where that compares two vectors, of the recovery's."""
        try:
            return data_expr_of(expr)
        except InvalidInputError:
            if not recover_expr:
                raise
            return data_expr_of(recover_expr)

    def _templates(self, rule: _RuleSection, alert: str, kind: str, texts: Mapping[str, str]) -> dict[str, Template]:
        found: dict[str, Template] = {}
        for name, text in texts.items():
            try:
                found[name] = parse_rule_template(alert, text)
            except TemplateError as error:
                rule.inner(f"{kind}s").wrong(f'{kind} "{name}": {error.message}', name=name)
        return found

    def _check_labels(self, place: _RuleSection, labels: Mapping[str, str]) -> None:
        for name in labels:
            if not self._is_label_name(name) or name == METRIC_NAME:
                place.inner("labels").wrong(f"invalid label name: {name}", name=name)

    def _is_label_name(self, name: str) -> bool:
        return bool(_LEGACY_LABEL.fullmatch(name)) if self._options.are_names_legacy else bool(name)

    def _is_metric_name(self, name: str) -> bool:
        return bool(_LEGACY_METRIC.fullmatch(name)) if self._options.are_names_legacy else bool(name)
