"""Target groups as files and answers hold them, in JSON or YAML.

Source: Prometheus configuration, `<file_sd_config>` and `<http_sd_config>`.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from anyascope.collect.scrape_config import FileDiscovery, TargetGroup
from anyascope.errors import InvalidInputError
from anyascope.model.labels import labels_of
from anyascope.wire.settings import Mistake, Section, SettingsError, read_settings

GROUP_FILE_NAME = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")
GROUP_BYTES_MAX = 16 * 1024 * 1024  # as settings files: 100,000 targets take under 10 MB
GROUP_FILES_MAX = 10_000  # one discovery's files; past it a pattern most likely meant something else

_TOP = "target_groups"


def parse_target_groups(text: str, *, file: str, source: str) -> tuple[TargetGroup, ...]:
    """The groups of a file: a list of `{"targets": [...], "labels": {...}}`; JSON is read as the YAML it is.

    Args:
        text: the file's text.
        file: its name, for errors.
        source: begins each group's `source`.

    Raises:
        SettingsError: it is not such a list; names file, line and path.
    """
    try:
        top = read_settings(_below_a_name(text, file=file), file=file)
        groups = tuple(_group(entry, f"{source}:{index}") for index, entry in enumerate(top.sections(_TOP)))
        top.done()
        top.raise_if_wrong()
    except SettingsError as error:
        raise SettingsError([replace(m, line=max(m.line - 1, 0)) for m in error.mistakes]) from None
    return groups


def _below_a_name(text: str, *, file: str) -> str:
    """The list as a field of a mapping, which is what the reader wants at the top; one line is put before it."""
    if text.lstrip().startswith(("[", "{")):
        try:
            return f"{_TOP}:\n {json.dumps(json.loads(text))}"
        except ValueError as error:
            if not file.lower().endswith((".yml", ".yaml")):
                line = error.lineno + 1 if isinstance(error, json.JSONDecodeError) else 0
                raise SettingsError([Mistake(file, line, "", f"is not valid JSON: {error}")]) from error
    lines = ("" if line.strip() in ("---", "...") else f" {line}" for line in text.split("\n"))
    return f"{_TOP}:\n" + "\n".join(lines)


def _group(section: Section, source: str) -> TargetGroup:
    targets = section.texts("targets")
    for target in targets:
        if "/" in target or not target:
            section.wrong(f"{target!r} is not a valid hostname", name="targets")
    labels = section.text_map("labels")
    section.done()
    return TargetGroup(source, tuple((("__address__", target),) for target in targets), labels_of(labels))


def matching_files(discovery: FileDiscovery) -> list[Path]:
    """The files that the patterns mean now, sorted.

    Raises:
        InvalidInputError: there are more than `GROUP_FILES_MAX`.
    """
    found: set[str] = set()
    for pattern in discovery.files:
        found.update(glob.glob(str(discovery.folder / pattern)))  # noqa: PTH207  # an absolute pattern stays itself
    if len(found) > GROUP_FILES_MAX:
        raise InvalidInputError(f"{len(found)} files match, at most {GROUP_FILES_MAX} are read")
    return sorted(Path(name) for name in found)


def read_group_file(path: Path) -> tuple[TargetGroup, ...]:
    """The groups of one file; each target knows it as `__meta_filepath`.

    Raises:
        InvalidInputError: it cannot be read, is too large, or is not a list of groups.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(GROUP_BYTES_MAX + 1)
        if len(raw) > GROUP_BYTES_MAX:
            raise InvalidInputError(f"{path} is larger than {GROUP_BYTES_MAX} bytes")
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    return with_label(parse_target_groups(text, file=str(path), source=str(path)), "__meta_filepath", str(path))


def with_label(groups: Sequence[TargetGroup], name: str, value: str) -> tuple[TargetGroup, ...]:
    """The groups with one more label."""
    return tuple(
        TargetGroup(group.source, group.targets, labels_of((*group.labels, (name, value)))) for group in groups
    )
