"""Where the message of an alert leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.wire.notices.links import alert_links, first_step, is_address
from support.notifications import SIGNING_FAILED, ended


def test_what_an_alert_leads_to():
    """Answering comes first, then what to do, what was seen, and what belongs to it; an end is not acknowledged."""
    alert = replace(
        SIGNING_FAILED,
        annotations={"runbook_url": "https://r.test/hsm", "dashboard": "https://d.test/1", "runbook": "Look at it."},
        links={"snooze": "https://a.test/r/2", "acknowledge": "https://a.test/r/1"},
    )
    links = alert_links(alert, external_url="http://anyascope.test/")
    assert [link.name for link in links] == [
        "Acknowledge", "Runbook", "Snooze", "Dashboard", "Graph", "Alert", "Logs", "Traces",
    ]  # fmt: skip
    by_name = {link.name: link.url for link in links}
    assert by_name["Graph"] == "http://anyascope.test/graph?g0.expr=a%3Eb&g0.tab=1"
    assert by_name["Alert"] == "http://anyascope.test/ui/alerts/0f1e2d3c4b5a6978"
    assert by_name["Logs"].startswith("http://anyascope.test/ui/logs?q=correlation_id%3A%225d0b2f1e-")
    assert "Acknowledge" not in [link.name for link in alert_links(ended(alert), external_url="")]
    bare = replace(SIGNING_FAILED, generator_url="", correlation_id="")
    assert alert_links(bare, external_url="") == []


def test_an_alert_about_a_transaction_leads_to_its_page():
    """Which joins request, approval, signature, blocks and logs of it."""
    alert = replace(SIGNING_FAILED, labels=(*SIGNING_FAILED.labels, ("txid", "ab12")))
    links = {link.name: link.url for link in alert_links(alert, external_url="http://anyascope.test")}
    assert links["Transaction"] == "http://anyascope.test/ui/correlation/ab12"


@pytest.mark.parametrize(
    ("runbook", "step"),
    [
        ("Stop withdrawals.", "Stop withdrawals."),
        ("## Stop withdrawals.\n\nThen look.", "Stop withdrawals."),
        ("https://r.test/hsm", ""),
        ("", ""),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_what_to_do_first(runbook, step):
    """The first line of the annotation `runbook`, where that is a text; nothing where it is over."""
    alert = replace(SIGNING_FAILED, annotations={"runbook": runbook})
    assert first_step(alert) == step
    assert first_step(ended(alert)) == ""


@pytest.mark.parametrize(
    "text", ["", "javascript:alert(1)", "http://x\n.test", "https://x|y", "http://", "x", "http://[", "https://a/<b>"]
)
def test_what_is_no_address(text):
    """An alert smuggles nothing into a message."""
    assert not is_address(text)
