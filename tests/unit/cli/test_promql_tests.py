"""`anyascope test promql`: what it prints of scripts, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.cli import main

GOOD = """
load 1m
  up{job="a"} 1 2 3

eval instant at 2m sum(up)
  {} 3
"""
BAD = """
load 1m
  up 1

eval instant at 0 up
  up 2

eval instant at 0 up
  up 1
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    code = main.run(["test", "promql", *arguments])
    output = capsys.readouterr()
    return code, (output.out + output.err).splitlines()


def test_a_script_that_passes_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a file, and the sum as the last line."""
    script = tmp_path / "good.test"
    script.write_text(GOOD)

    code, lines = run(capsys, str(script))

    assert code == 0
    assert lines == [f"{script}: 1 passed, 0 failed, 0 skipped", "1 passed, 0 failed, 0 skipped"]


def test_a_case_that_fails_is_told_with_its_line_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure makes the exit code 1; the other cases are judged all the same."""
    script = tmp_path / "bad.test"
    script.write_text(BAD)

    code, lines = run(capsys, str(script))

    assert code == 1
    assert lines[0] == f"{script}: 1 passed, 1 failed, 0 skipped"
    assert lines[1].startswith("  line 5: failed: up: ")
    assert "expected 2.0, got 1.0" in lines[1]
    assert lines[-1] == "1 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("load 1m\n  up 1\n\nevil instant at 0 up\n", "line 4: expected clear, load or eval, got 'evil'"),
        ("load 1m\n  up 1x\n", "line 2: not a value: '1x'"),
        ("eval instant at 0 up\n  expect what\n", "line 2: not an expectation: 'expect what'"),
        ("load soon\n  up 1\n", 'line 1: not a valid duration string: "soon"'),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_script_that_cannot_be_read_is_told_in_one_line(
    text: str | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the line of the file; the exit code is 2 and the others run all the same."""
    script, good = tmp_path / "broken.test", tmp_path / "good.test"
    good.write_text(GOOD)
    if text is not None:
        script.write_text(text)

    code, lines = run(capsys, str(script), str(good))

    assert code == 2
    assert lines[0].startswith(f"{script}: {reason}")
    assert lines[1:] == [f"{good}: 1 passed, 0 failed, 0 skipped", "1 passed, 0 failed, 0 skipped"]


def test_a_folder_and_a_pattern_stand_for_their_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of their names; nothing found is bad input."""
    for name in ("b.test", "a.test", "notes.txt"):
        (tmp_path / name).write_text(GOOD)

    of_folder = run(capsys, str(tmp_path))
    of_pattern = run(capsys, f"{tmp_path}/*.test")
    of_nothing = run(capsys, f"{tmp_path}/*.none")

    assert [line.split(":")[0] for line in of_folder[1][:2]] == [f"{tmp_path}/a.test", f"{tmp_path}/b.test"]
    assert of_pattern == of_folder
    assert of_nothing == (2, [f"anyascope: {tmp_path}/*.none: there are no such files"])


def test_every_case_is_listed_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-v` tells of the cases that passed, too."""
    script = tmp_path / "good.test"
    script.write_text(GOOD)

    _, lines = run(capsys, "-v", str(script))

    assert lines[1] == "  line 5: passed: sum(up)"
