"""Templates give what Prometheus 3.5 gives.

`tests/golden/gotemplate/prometheus.json` was recorded with its `promtool test rules`, from annotations of an alert with
the labels and value below: `text` is the annotation, `failure` the end of the message in its place, `mistake` the
message with which the rule file was refused.
"""

from __future__ import annotations

import json

import pytest

from anyascope.wire.gotemplate import DataObject, TemplateError, parse_template
from anyascope.wire.gotemplate.prometheus import FUNCTION_NAMES, TemplateSample, rule_functions
from support.components import REPOSITORY

LABELS = {"job": "j<b>", "instance": "host.example.org:9090", "n": "5"}
VALUE = 1234567.5
VARIABLES = {"$labels": LABELS, "$externalLabels": {}, "$externalURL": "", "$value": VALUE}
CASES = json.loads((REPOSITORY / "tests/golden/gotemplate/prometheus.json").read_text())


class _Data(DataObject):
    def template_fields(self):
        return {"Labels": LABELS, "ExternalLabels": {}, "ExternalURL": "", "Value": VALUE}


def _run(text):
    template = parse_template("T", text, functions=FUNCTION_NAMES, variables=tuple(VARIABLES))
    functions = rule_functions(query=lambda _: [TemplateSample({}, 1.0)], now_s=0.0, external_url="")
    return template.execute(_Data(), functions=functions, variables=VARIABLES)


@pytest.mark.parametrize("case", [case for case in CASES if "text" in case], ids=lambda case: case["template"][:60])
def test_text(case):
    """A template's text equals Prometheus' byte for byte."""
    assert _run(case["template"]) == case["text"]


@pytest.mark.parametrize("case", [case for case in CASES if "text" not in case], ids=lambda case: case["template"][:60])
def test_fault(case):
    """A template that Prometheus refuses, or fails to expand, is refused or fails with the same words."""
    with pytest.raises(TemplateError) as caught:
        _run(case["template"])

    assert str(caught.value).endswith(case.get("mistake") or case["failure"])
