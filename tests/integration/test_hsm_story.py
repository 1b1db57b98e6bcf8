"""From a fault of a real SoftHSM to a message in Slack, through a real server."""

from __future__ import annotations

from random import Random

import pytest

from support.hsm_story import FAULTS, play

pytest.importorskip("pkcs11")


@pytest.mark.long
def test_faults_of_an_hsm_reach_slack_and_so_do_their_ends(tmp_path):
    """A locked PIN (by a module in front: SoftHSM locks none), a removed token and a signature that hangs; then each is mended."""
    found = play(tmp_path, rounds=1, chance=Random(7), late_after="5s")
    assert [what for what, _ in found] == list(FAULTS.values())
