"""Unit tests of finding targets in files and behind addresses."""

from __future__ import annotations

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.discovery import FileDiscoverer, HttpDiscoverer
from anyascope.collect.discovery_files import parse_target_groups
from anyascope.collect.scrape_config import FileDiscovery, HttpDiscovery
from anyascope.errors import InvalidInputError
from anyascope.wire.settings import SettingsError
from support.collecting import ScriptedTarget, answers


def addresses(discoverer) -> list[str]:
    return [dict(target)["__address__"] for group in discoverer.groups() for target in group.targets]


def discoverer(folder, *patterns: str) -> FileDiscoverer:
    return FileDiscoverer(FileDiscovery(patterns, folder), ManualClock())


async def test_reads_json_and_yaml(tmp_path) -> None:
    """Groups may stand in JSON or YAML files, named by patterns; each target knows its file."""
    (tmp_path / "a.json").write_text('[{"targets": ["a:1", "b:2"], "labels": {"zone": "z"}}]')
    (tmp_path / "b.yml").write_text("---\n# ours\n- targets:\n    - c:3\n  labels: {n: 5}\n- targets: [d:4]\n")
    found = discoverer(tmp_path, "*.json", "*.yml")
    assert await found.look()
    assert addresses(found) == ["a:1", "b:2", "c:3", "d:4"]
    assert dict(found.groups()[0].labels) == {"__meta_filepath": str(tmp_path / "a.json"), "zone": "z"}
    assert dict(found.groups()[1].labels)["n"] == "5"


async def test_sees_changes(tmp_path) -> None:
    """A file that changes is read again; one that does not is left alone."""
    path = tmp_path / "a.json"
    path.write_text('[{"targets": ["a:1"]}]')
    found = discoverer(tmp_path, "a.json")
    await found.look()
    assert not await found.look()
    path.write_text('[{"targets": ["a:1", "b:2"]}]')
    assert await found.look()
    assert addresses(found) == ["a:1", "b:2"]


async def test_sees_files_come_and_go(tmp_path) -> None:
    """A new file brings targets, a removed one takes its own away."""
    (tmp_path / "a.json").write_text('[{"targets": ["a:1"]}]')
    found = discoverer(tmp_path, "*.json")
    await found.look()
    (tmp_path / "b.json").write_text('[{"targets": ["b:2"]}]')
    assert await found.look()
    (tmp_path / "a.json").unlink()
    assert await found.look()
    assert addresses(found) == ["b:2"]


async def test_a_broken_file_leaves_its_last_good_targets(tmp_path) -> None:
    """A half-written file does not end the scraping of its targets, and is told."""
    path = tmp_path / "a.json"
    path.write_text('[{"targets": ["a:1"]}]')
    found = discoverer(tmp_path, "a.json")
    await found.look()
    path.write_text('[{"targets": ["a:')
    assert not await found.look()
    assert addresses(found) == ["a:1"]
    assert "is not valid JSON" in found.faults()[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"targets": []}', "target_groups: must be a list"),
        ('[{"targetz": ["a:1"]}]', "did you mean targets?"),
        ('[{"targets": ["http://a/"]}]', "'http://a/' is not a valid hostname"),
        ("- targets: [a:1]\n  labels: [x]\n", "f.yml:2: target_groups[0].labels: must be a mapping"),
        ("- targets: [a:1\n", "is not valid YAML"),
    ],
)
def test_refuses_what_are_no_groups(text: str, message: str) -> None:
    """A file that is no list of groups is refused with its name, line and path."""
    with pytest.raises(SettingsError) as caught:
        parse_target_groups(text, file="f.yml", source="f")
    assert message in str(caught.value)


async def test_asks_an_address() -> None:
    """Groups behind an address are known with it; a second answer like the first changes nothing."""
    body = b'[{"targets": ["a:1"], "labels": {"zone": "z"}}]'
    async with ScriptedTarget(answers(body, headers="Content-Type: application/json\r\n")) as server:
        found = HttpDiscoverer(HttpDiscovery(server.url), ManualClock())
        assert await found.look()
        assert not await found.look()
        found.close()
    assert dict(found.groups()[0].labels) == {"__meta_url": server.url, "zone": "z"}
    assert "x-prometheus-refresh-interval-seconds" in server.requests[0].headers


@pytest.mark.parametrize(
    ("body", "content_type", "fault"),
    [
        (b"[]", "text/html", "wanted application/json"),
        (b"{]", "application/json", "is not valid JSON"),
        (b'{"targets": []}', "application/json", "must be a list"),
    ],
)
async def test_a_bad_answer_leaves_the_known_targets(body: bytes, content_type: str, fault: str) -> None:
    """What an address no longer says properly stays as it was, and is told."""
    good = answers(b'[{"targets": ["a:1"]}]', headers="Content-Type: application/json\r\n")
    async with ScriptedTarget(good) as server:
        found = HttpDiscoverer(HttpDiscovery(server.url), ManualClock())
        await found.look()
        server.handler = answers(body, headers=f"Content-Type: {content_type}\r\n")
        assert not await found.look()
        found.close()
    assert addresses(found) == ["a:1"]
    assert fault in found.faults()[0]


def test_bounds_the_number_of_files(tmp_path, monkeypatch) -> None:
    """A pattern that means far too many files is refused."""
    monkeypatch.setattr("anyascope.collect.discovery_files.GROUP_FILES_MAX", 1)
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("[]")
    from anyascope.collect.discovery_files import matching_files

    with pytest.raises(InvalidInputError, match="2 files match, at most 1 are read"):
        matching_files(FileDiscovery(("*.json",), tmp_path))
