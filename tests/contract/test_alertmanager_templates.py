"""What `amtool template render` 0.33 makes of 226 templates is what is made of them here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from anyascope.notify.template_data import read_message_data
from anyascope.notify.templates import load_templates
from anyascope.wire.gotemplate import TemplateError
from support.components import REPOSITORY, component

GOLDEN = Path(__file__).parents[1] / "golden/alertmanager"
UPSTREAMS_OWN = "lib/prometheus-stack/usr/share/prometheus/alertmanager/default.tmpl"
# Of 0.34; the program at hand is older.
NEWER = re.compile(r"toDate|mustToDate|base64|[rR]outeLabels|^\{\{ \. \}\}$|^\{\{ toJson \. \}\}$")
# Our own names stand in for upstream's.
BRANDED = {
    '{{ template "__alertmanager" . }}': "anyascope",
    '{{ template "slack.default.username" . }}': "Anya Core Alerts",
    '{{ template "slack.default.iconemoji" . }}': ":warning:",
    '{{ template "pagerduty.default.client" . }}': "anyascope",
    '{{ template "victorops.default.monitoring_tool" . }}': "anyascope",
    '{{ template "rocketchat.default.alias" . }}': "anyascope",
    '{{ template "mattermost.default.username" . }}': "anyascope",
}
# Upstream tells lists of texts from lists of anything; here a list is a list.
MORE_IS_ALLOWED = {
    '{{ $l := list }}{{ range .Alerts }}{{ $l = append $l .Labels.instance }}{{ end }}{{ join " " $l }}',
    "{{ $l := stringSlice }}{{ range .Alerts }}{{ $l = append $l .Labels.instance }}{{ end }}{{ len $l }}",
}
# Errors that say the same in other words.
OTHER_WORDS = {
    "{{ .Nothing }}",
    "{{ toUpper 1 }}",
    '{{ join "," "x" }}',
    "{{ call .Status }}",
    "{{ .Alerts.Firing.Labels }}",
    "{{ since 1 }}",
    '{{ date "2006" "x" }}',
}


def cases():
    return json.loads((GOLDEN / "templates.json").read_text())


def rendered_here(case):
    templates = load_templates((), now_ns=lambda: 0)
    data = read_message_data(json.loads((GOLDEN / "data.json").read_text()))
    try:
        return {"output": templates.render_data(case["text"], data, is_html=case["form"] == "html")}
    except TemplateError as error:
        return {"error": str(error)}


def without_place(error: str) -> str:
    """The words of an error: columns inside of expressions differ."""
    return re.sub(r"^template: :\d+(:\d+)?: (executing \"\" at <.*>: )?", "", error)


def test_templates_render_the_same():
    """Output is the same to the byte, errors in the same words."""
    wrong, compared = [], 0
    for case in cases():
        found, text = rendered_here(case), case["text"]
        if NEWER.search(text):
            continue
        compared += 1
        if text in BRANDED:
            is_right = found.get("output") == BRANDED[text]
        elif text in MORE_IS_ALLOWED:
            is_right = "output" in found
        elif "error" in case:
            is_right = "error" in found and (
                text in OTHER_WORDS or without_place(found["error"]) == without_place(case["error"])
            )
        else:
            is_right = found.get("output") == case["output"]
        if not is_right:
            wrong.append((text, case, found))
    assert wrong == []
    assert compared >= 190


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ('{{ toDate "2006-01-02" "2026-11-23" }}', "2026-11-23 00:00:00 +0000 UTC"),
        ('{{ (toDate "2006-01-02" "nonsense").IsZero }}', "true"),
        (
            '{{ mustToDate "2006-01-02 15:04:05 -0700" "2026-11-23 10:00:00 +0530" }}',
            "2026-11-23 10:00:00 +0530 +0530",
        ),
        (
            '{{ mustToDate "Jan 2, 2006 at 3:04pm (MST)" "Feb 3, 2013 at 7:54pm (UTC)" }}',
            "2013-02-03 19:54:00 +0000 UTC",
        ),
        ('{{ mustToDate "2006-01-02T15:04:05Z07:00" "2026-11-23T10:00:00.25Z" }}', "2026-11-23 10:00:00.25 +0000 UTC"),
        ('{{ mustToDate "Monday, 02-Jan-06" "Sunday, 31-Dec-99" }}', "1999-12-31 00:00:00 +0000 UTC"),
        ('{{ mustToDate "2006 002" "2024 060" | date "Jan _2" }}', "Feb 29"),
        ('{{ base64encode "a?>b~~" }} {{ base64decode "YT8-Yn5-" }}', "YT8-Yn5- a?>b~~"),
        ('{{ toJson ((now).Sub (now)) }} {{ toJson (dict "a" 1).b }} {{ toJson (list nil) }}', "0 null [null]"),
        ("{{ routeLabels }}|{{ .RouteLabels.x }}", "|"),
    ],
)
def test_functions_of_the_next_version(text, output):
    """What 0.34 adds, which the program at hand does not know."""
    assert rendered_here({"text": text, "form": "text"}) == {"output": output}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{{ mustToDate "2006-01-02" "nonsense" }}', 'parsing time "nonsense" as "2006-01-02"'),
        ('{{ mustToDate "2006-01-02" "2026-02-30" }}', "day out of range"),
        ('{{ base64decode "!!" }}', "illegal base64 data at input byte 0"),
        ('{{ base64decode "YT8" }}', "illegal base64 data at input byte 3"),
    ],
)
def test_functions_of_the_next_version_refuse(text, words):
    """And what they do not take."""
    assert words in rendered_here({"text": text, "form": "text"})["error"]


@pytest.mark.parametrize(
    "text", ['{{ join "," .Alerts }}', '{{ .CommonLabels.SortedPairs | join "-" }}', '{{ join "," (list .) }}']
)
def test_only_texts_are_joined(text):
    """What is none is named by its type; nothing of how it is kept shows."""
    assert "expected []string; got " in rendered_here({"text": text, "form": "text"})["error"]


@pytest.mark.long
def test_the_table_is_what_amtool_says():
    """The recorded answers are those of the real program, with upstream's own default templates."""
    amtool = component("amtool")
    defaults = amtool.parents[1] / UPSTREAMS_OWN
    for case in cases():
        run = subprocess.run(
            [
                amtool,
                "template",
                "render",
                f"--template.glob={defaults}",
                f"--template.data={GOLDEN / 'data.json'}",
                f"--template.type={case['form']}",
                f"--template.text={case['text']}",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=REPOSITORY,
        )
        found = (
            {"output": run.stdout} if run.returncode == 0 else {"error": run.stderr.strip()[len("amtool: error: ") :]}
        )
        assert found == {key: case[key] for key in ("output", "error") if key in case}, case["text"]
