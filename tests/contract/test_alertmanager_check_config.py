"""What `amtool check-config` says of 487 small configurations is what is said here, word for word."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from anyascope.alerting.settings import read_alertmanager_file
from anyascope.wire.settings import SettingsError
from support.components import component

GOLDEN = Path(__file__).parents[1] / "golden/alertmanager/config.json"
# Where the outcome or the words differ on purpose: ours.
DIFFERENT = {
    "http_config socks": "other proxies are not supported yet",
    "http_config tls versions": "must be greater than or equal to",  # the server says so, amtool does not
    "receiver null": "missing name in receiver",
    "webhook max_alerts text": "cannot unmarshal !!str `x` into int",
    "telegram 7": "cannot unmarshal !!str `x` into int",
    "telegram 20": "cannot unmarshal !!str `1` into int",
    "tracing header": "cannot unmarshal !!str `b` into config.plain",
    "colons": "mapping values are not allowed",
    "tab": "that cannot start any token",
}


def cases():
    return json.loads(GOLDEN.read_text())


def said_here(text: str) -> str:
    try:
        read_alertmanager_file(text, file="alertmanager.yml")
    except SettingsError as error:
        return str(error)
    return ""


def test_each_is_accepted_or_refused_in_the_same_words():
    """The same configurations load; of the others everything that upstream says is said, with the place."""
    wrong = []
    for case in cases():
        found, said = said_here(case["config"]), case["said"]
        if case["name"] in DIFFERENT:
            said = [DIFFERENT[case["name"]]]
        if bool(found) is not bool(said) or not all(line in found for line in said):
            wrong.append((case["name"], said, found))
    assert wrong == []


def test_the_table_is_what_amtool_says(tmp_path):
    """The recorded answers are those of the real program."""
    files = []
    for number, case in enumerate(cases()):
        files.append(tmp_path / f"{number}.yml")
        files[-1].write_text(case["config"])
    run = subprocess.run(
        [component("amtool"), "check-config", *files], capture_output=True, text=True, timeout=60, check=False
    )
    parts = (run.stdout + run.stderr).split("Checking '")[1:]
    assert len(parts) == len(files)
    for case, part in zip(cases(), parts, strict=True):
        assert ("FAILED" in part) is bool(case["said"]), case["name"]
        assert all(line in part for line in case["said"]), case["name"]
