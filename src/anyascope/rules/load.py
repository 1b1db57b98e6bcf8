"""Prometheus' rule files, read strictly: every mistake of a file is reported with its line and path.

Source: https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/ and alerting_rules/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob
from pathlib import Path

from anyascope import packs
from anyascope.errors import AnyascopeError
from anyascope.model.labels import METRIC_NAME, Labels
from anyascope.promql.parse import parse
from anyascope.rules.definition import AlertingRule, RecordingRule, Rule, RuleGroup
from anyascope.rules.expand import parse_rule_template
from anyascope.wire.gotemplate import Template, TemplateError
from anyascope.wire.settings import SETTINGS_BYTES_MAX, Mistake, Section, SettingsError, read_settings

PACK_PREFIX = "default:"  # files of the default rules, as they are shown
FILES_MAX = 10_000  # a glob that matches more is a mistake, such as `/**`

_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_GROUP_FIELDS = ("name", "interval", "query_offset", "limit", "rules", "labels")
_RULE_FIELDS = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_ALERT_ONLY_FIELDS = ("annotations", "for", "keep_firing_for")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How strictly files are read.

    Attributes:
        check_expr: raises `AnyascopeError` where an expression does not parse; the engine's own parser.
        are_names_legacy: only ASCII names as before UTF-8 names were allowed.
        are_unknown_fields_ignored: read on past fields that are not known, as `promtool --ignore-unknown-fields` does.
    """

    check_expr: Callable[[str], object] = parse
    are_names_legacy: bool = False
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
            groups.extend(load_rules(_read(path), file=str(path), options=options))
        except SettingsError as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        raise SettingsError(mistakes)
    return tuple(groups)


def load_default_rules(*, options: LoadOptions = DEFAULT_OPTIONS) -> tuple[RuleGroup, ...]:
    """The groups of the default pack; their files are shown as `default:host.yml` and so on."""
    return tuple(
        group
        for name, text in packs.rules()
        for group in load_rules(text, file=f"{PACK_PREFIX}{name}", options=options)
    )


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


def _read(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            body = opened.read(SETTINGS_BYTES_MAX + 1)
        return body.decode("utf-8")
    except OSError as error:
        raise SettingsError([Mistake(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Mistake(str(path), 0, "", f"is not UTF-8: byte {error.start}")]) from error


class _Loader:
    """Reads the groups of one file, noting mistakes in its sections."""

    def __init__(self, options: LoadOptions = DEFAULT_OPTIONS) -> None:
        self._options = options

    def groups(self, top: Section) -> tuple[RuleGroup, ...]:
        self._check_fields(top, ("groups",))
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
        return tuple(groups)

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
        limit = section.integer("limit", 0)
        if limit < 0:
            section.wrong(f"must be 0 (no limit) or more, got {limit}", name="limit")
        shared = section.text_map("labels")
        self._check_labels(section, shared)
        return RuleGroup(
            name=section.text("name", ""),
            file=section.file,
            rules=tuple(self._rule(rule, index, shared) for index, rule in enumerate(section.sections("rules"))),
            interval_s=section.duration_s("interval", 0.0),
            limit=limit,
            query_offset_s=section.duration_s("query_offset", None),
        )

    def _rule(self, section: Section, index: int, shared: Mapping[str, str]) -> Rule:
        self._check_fields(section, _RULE_FIELDS)
        record, alert = section.text("record", ""), section.text("alert", "")
        if record and alert:
            section.wrong("only one of 'record' and 'alert' must be set")
        elif not record and not alert:
            section.wrong(f"one of 'record' or 'alert' must be set (rule {index} of its group)")
        expr = self._expr(section, record or alert)
        own = section.text_map("labels")
        self._check_labels(section, own)
        labels = {**shared, **own}
        if alert and not record:
            return self._alerting(section, alert, expr=expr, labels=labels)
        return self._recording(section, record, expr=expr, labels=tuple(sorted(labels.items())))

    def _expr(self, section: Section, rule: str) -> str:
        expr = section.text("expr", "")
        if not expr:
            section.wrong(f"field 'expr' must be set in rule{f' {rule}' if rule else ''}", name="expr")
            return ""
        try:
            self._options.check_expr(expr)
        except AnyascopeError as error:
            section.wrong(f"could not parse expression of {rule}: {error}", name="expr")
        return expr

    def _recording(self, section: Section, name: str, *, expr: str, labels: Labels) -> RecordingRule:
        for field in _ALERT_ONLY_FIELDS:
            if section.has(field):
                section.wrong(f"invalid field '{field}' in recording rule", name=field)
        if name and not self._is_metric_name(name):
            section.wrong(f"invalid recording rule name: {name}", name="record")
        if "{" in name or "}" in name:
            section.wrong(f"braces present in the recording rule name; should it be in expr?: {name}", name="record")
        return RecordingRule(name, expr, labels, section.line())

    def _alerting(self, section: Section, name: str, *, expr: str, labels: Mapping[str, str]) -> AlertingRule:
        annotations = section.text_map("annotations")
        for annotation in annotations:
            if not self._is_label_name(annotation):
                section.wrong(f"invalid annotation name: {annotation}", name="annotations")
        return AlertingRule(
            name=name,
            expr=expr,
            hold_s=section.duration_s("for", 0.0),
            keep_firing_s=section.duration_s("keep_firing_for", 0.0),
            labels=self._templates(section, name, "label", labels),
            annotations=self._templates(section, name, "annotation", annotations),
            label_texts=tuple(sorted(labels.items())),
            annotation_texts=annotations,
            line=section.line(),
        )

    def _templates(self, section: Section, alert: str, kind: str, texts: Mapping[str, str]) -> dict[str, Template]:
        found: dict[str, Template] = {}
        for name, text in texts.items():
            try:
                found[name] = parse_rule_template(alert, text)
            except TemplateError as error:
                section.wrong(f'{kind} "{name}": {error.message}', name=f"{kind}s")
        return found

    def _check_labels(self, section: Section, labels: Mapping[str, str]) -> None:
        for name in labels:
            if not self._is_label_name(name) or name == METRIC_NAME:
                section.wrong(f"invalid label name: {name}", name="labels")

    def _is_label_name(self, name: str) -> bool:
        return bool(_LEGACY_LABEL.fullmatch(name)) if self._options.are_names_legacy else bool(name)

    def _is_metric_name(self, name: str) -> bool:
        return bool(_LEGACY_METRIC.fullmatch(name)) if self._options.are_names_legacy else bool(name)
