"""Every rule file and every rule test of Prometheus' own has exactly the outcome that its README lists."""

from __future__ import annotations

import re
import subprocess

import pytest

from anyascope.cli.main import run as run_command
from support.components import component, shared_path

FOLDER = "conformance/rules"
# Rule files: what the refusal says; empty where the file loads.
RULE_FILES = {
    "rulefmt/test.yaml": "",
    "rulefmt/utf-8_lname.good.yaml": "",
    "rulefmt/test_aliases.yaml": "",
    "rulefmt/legacy_validation_annotation.good.yaml": "",
    "rulefmt/legacy_validation_annotation.bad.yaml": "",
    "rulefmt/bad_expr.bad.yaml": "parse error",
    "rulefmt/bad_field.bad.yaml": "field annotation not found",
    "rulefmt/duplicate_grp.bad.yaml": 'groupname: "yolo" is repeated in the same file',
    "rulefmt/invalid_label_name.bad.yaml": "invalid label name",
    "rulefmt/no_rec_alert.bad.yaml": "one of 'record' or 'alert' must be set",
    "rulefmt/noexpr.bad.yaml": "field 'expr' must be set in rule",
    "rulefmt/record_and_for.bad.yaml": "invalid field 'for' in recording rule",
    "fixtures/alert_rule.yaml": "",
    "fixtures/alert_rule1.yaml": "",
    "fixtures/rules.yaml": "",
    "fixtures/rules1.yaml": "",
    "fixtures/rules2.yaml": "",
    "fixtures/rules2_copy.yaml": "",
    "fixtures/rules_chain.yaml": "",
    "fixtures/rules_multiple.yaml": "",
    "fixtures/rules_multiple_independent.yaml": "",
    "fixtures/invalid_rules.yaml": "field unexpected_field not found",
    "promtool/rules.yml": "",
    "promtool/rules_duplicates.yml": "",
    "promtool/at-modifier.yml": "",
    "promtool/prometheus-rules.lint.yml": "",
    "promtool/rules_extrafields.yml": "field namespace not found",
    "promtool/bad-rules-syntax.yml": "could not parse expression",
    "promtool/rules-bad.yml": 'undefined variable "$label"',
}
# Not decided by its README: the file uses syntax that Prometheus itself reads only behind feature flags.
EXPERIMENTAL = "promtool/features.yml"
# Test files: options, what is said at last, and a part of what is said before.
TEST_FILES = {
    "unittest.yml": ((), "5 passed, 0 failed, 0 skipped", ""),
    "no-test-group-interval.yml": ((), "1 passed, 0 failed, 0 skipped", ""),
    "at-modifier-test.yml": ((), "1 passed, 0 failed, 0 skipped", ""),
    "rules_run.yml": ((), "1 passed, 1 failed, 0 skipped", "wrong test"),
    "rules_run.yml --run correct": (("--run", "correct"), "1 passed, 0 failed, 1 skipped", ""),
    "rules_run.yml --run wrong": (("--run", "wrong"), "0 passed, 1 failed, 1 skipped", "wrong test"),
    "rules_run_extrafields.yml": ((), "0 passed, 1 failed, 0 skipped", "field namespace not found"),
    "rules_run_extrafields.yml lenient": (("--ignore-unknown-fields",), "1 passed, 0 failed, 0 skipped", ""),
    "rules_run_no_fuzzy.yml": ((), "0 passed, 1 failed, 0 skipped", "2.9999999999999996"),
    "failing.yml": ((), "0 passed, 2 failed, 0 skipped", "InstanceDown"),
    "bad-input-series.yml": ((), "0 passed, 1 failed, 0 skipped", "parse error"),
    "bad-promql.yml": ((), "0 passed, 1 failed, 0 skipped", "many-to-many"),
    "bad-rules-syntax-test.yml": ((), "0 passed, 1 failed, 0 skipped", "could not parse expression"),
}


def path_of(name):
    return str(shared_path(f"{FOLDER}/{name}"))


def promtool(*arguments):
    return subprocess.run(
        [str(component("promtool")), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", RULE_FILES)
def test_rule_file(name, capsys):
    """A file loads with exit code 0, or is refused with 1 and Prometheus' words, on a line with its place."""
    code = run_command(["check", "rules", path_of(name)])

    out = capsys.readouterr().out
    message = RULE_FILES[name]
    assert code == (1 if message else 0), out
    if message:
        assert re.search(rf"{re.escape(name)}:\d+:\d+: .*{re.escape(message)}", out)
    else:
        assert f"{name}: sound" in out


@pytest.mark.parametrize("name", TEST_FILES)
def test_test_file(name, capsys):
    """A test file passes or fails as listed, and the last line counts."""
    options, last, said = TEST_FILES[name]

    code = run_command(["test", "rules", path_of(f"promtool/{name.split()[0]}"), *options])

    out = capsys.readouterr().out
    assert out.splitlines()[-1] == last
    assert code == (0 if ", 0 failed" in last else 1)
    assert said in out


def test_every_file_is_looked_at():
    """No file of the folder is left out."""
    folder = shared_path(FOLDER)
    files = {str(path.relative_to(folder)) for path in folder.glob("*/*.y*ml")}

    assert files == {*RULE_FILES, *(f"promtool/{name.split()[0]}" for name in TEST_FILES), EXPERIMENTAL}


@pytest.fixture(scope="module")
def loaded():
    """The rule files that promtool loads, by one run of it."""
    said = promtool("check", "rules", "--lint=none", *map(path_of, RULE_FILES)).stdout
    verdicts = {part.split()[0]: "SUCCESS" in part for part in said.split("Checking ")[1:]}
    assert verdicts.keys() == set(map(path_of, RULE_FILES))
    return {name for name in RULE_FILES if verdicts[path_of(name)]}


@pytest.mark.parametrize("name", RULE_FILES)
def test_promtool_agrees_on_rule_files(loaded, name):
    """The real promtool loads and refuses the same files."""
    assert (name not in loaded) == bool(RULE_FILES[name])


@pytest.mark.parametrize("name", TEST_FILES)
def test_promtool_agrees_on_test_files(name):
    """The real promtool passes and fails the same tests."""
    options, last, _ = TEST_FILES[name]

    answer = promtool("test", "rules", *options, path_of(f"promtool/{name.split()[0]}"))

    assert (answer.returncode == 0) == (", 0 failed" in last), answer.stderr
