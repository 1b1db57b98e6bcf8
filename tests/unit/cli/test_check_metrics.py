"""`anyascope check metrics`: pages from a file, a pipe and an address."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from anyascope.cli import main
from support.collecting import ScriptedTarget, answers

GOOD = b'# HELP a_total Some.\n# TYPE a_total counter\na_total{b="1"} 1\na_total{b="2"} 2\n'


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(["check", "metrics", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_a_good_page_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what it holds; in full where that is asked for."""
    page = tmp_path / "page"
    page.write_bytes(GOOD)
    assert run(capsys, str(page)) == (0, f"{page}: sound, 1 metrics, 2 series\n", "")
    _, out, _ = run(capsys, str(page), "--extended")
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["metric", "series", "share"],
        ["a_total", "2", "100.00%"],
        ["total", "2", "100.00%"],
    ]


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"a 1\n", 3, "a no help text\n"),
        (b"a 1\nb{ 2\n", 2, "standard input: line 2: expected a label name at column 3, got ' 2'\n"),
        (b"# HELP a Some.\n# TYPE a info\na_info 1\n# EOF\n", 0, "standard input: sound, 1 metrics, 1 series\n"),
        (b"", 0, "standard input: sound, 0 metrics, 0 series\n"),
    ],
)
def test_a_piped_page_is_judged(
    body: bytes, code: int, said: str, *, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 for what is likely to be regretted, 2 for a page that a scrape could not use; OpenMetrics by its end."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(body)))
    assert run(capsys) == (code, said, "")


async def test_an_address_is_asked_as_a_scrape_asks(capsys: pytest.CaptureFixture[str]) -> None:
    """A target is fetched with the scraper's own client; one that is not there is one line."""
    async with ScriptedTarget(answers(GOOD)) as target:
        found = await asyncio.to_thread(run, capsys, target.url)
        assert found[:2] == (0, f"{target.url}: sound, 1 metrics, 2 series\n")
        assert "openmetrics" in target.requests[0].headers["accept"]
        url = target.url
    code, _, error = await asyncio.to_thread(run, capsys, url)
    assert code == 2
    assert "connection refused" in error


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its name and why."""
    code, _, error = run(capsys, str(tmp_path / "none"))
    assert code == 2
    assert "No such file" in error
    assert len(error.splitlines()) == 1
