"""The story of a custody house, told by real nodes, a real token and a real server: each thing that happens is seen and told."""

from __future__ import annotations

import sys

import pytest

from support import custody_acts as acts
from support.custody_stage import stage

pytest.importorskip("pkcs11")

ACTS = (
    acts.new_block,
    acts.catching_up,
    acts.reorg_of_ours,
    acts.disagreement,
    acts.unasked_spend,
    acts.stuck,
    acts.dust,
    acts.stop_and_start,
    acts.canary_and_keys,
    acts.wrong_pin,
    acts.locked_pin,
    acts.hang,
    acts.deleted_key,
)


@pytest.mark.long
def test_what_happens_to_nodes_wallets_and_hsms_is_seen_and_told(tmp_path, capsys):
    """Each act becomes its figure, its event and its alert, reaches Slack, and ends there; a table says how soon.

    SoftHSM never locks a PIN, counts no sessions of others and never hangs: a module in front of it does.
    """
    rows: list[acts.Row] = []
    with stage(tmp_path, late_after="5s") as found, acts.leak(found.token, found.front) as opened:
        for act in ACTS:
            told = act(found)
            rows += told if isinstance(told, tuple) else (told,)
        rows.append(acts.leaking_sessions(found, opened))
    with capsys.disabled():
        sys.stdout.write(f"\n{acts.table(rows)}\n")
    assert len(rows) == len(ACTS) + 3
