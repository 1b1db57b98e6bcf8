"""The same alerts, silences and settings lead to the same notifications as a real Alertmanager's, at the same times.

Differences that are meant stand with their stories, each with its reason and with what we say instead.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from support.alert_stories import (
    SIDES,
    STAGGER_S,
    Said,
    Story,
    StorySink,
    differences,
    end,
    expire,
    fire,
    play,
    settings,
    silence,
)
from support.alertmanager import real_alertmanager
from support.collecting import until
from support.server import QUIET_CONFIG, running_server

WITHIN_S = 0.3
TURNS = 6
LAST_S = 13.9  # no script does or expects anything later than 13, or from here until 15
CONFIG = QUIET_CONFIG + "\nrules: {default_pack: false}\n"
ALWAYS = {"times": [{"start_time": "00:00", "end_time": "24:00"}]}
NEVER = {"years": ["2000"]}

# No act lies nearer than 0.2 s to a look at its group: of two things at one moment either may come first, on either side.
STORIES = [
    # --- grouping and the wait ---
    Story("single", [(0, fire("a"))]),
    Story("joins_in_wait", [(0, fire("a")), (0.5, fire("b"))]),
    Story("joins_later", [(0, fire("a")), (1.5, fire("b"))]),
    Story("joins_thrice", [(0, fire("a")), (1.5, fire("b")), (2.5, fire("c")), (4.5, fire("d"))]),
    Story("groups_apart", [(0, fire("a", alertname="X")), (0.4, fire("b", alertname="Y"))]),
    Story("group_by_all", [(0, fire("a", "b")), (0.5, fire("a", zone="z"))], route={"group_by": ["..."]}),
    Story("group_by_two", [(0, fire("a", "b", zone="y")), (0.5, fire("a", zone="z"))], route={"group_by": ["zone", "alertname"]}),
    Story("group_by_none", [(0, fire("a", alertname="X")), (0.4, fire("b", alertname="Y"))], route={"group_by": []}),
    Story("group_by_missing", [(0, fire("a")), (0.4, fire("b", zone="z"))], route={"group_by": ["zone"]}),
    Story("no_wait", [(0, fire("a")), (0.5, fire("b"))], route={"group_wait": "0s"}),
    Story("long_wait", [(0, fire("a")), (2, fire("b"))], route={"group_wait": "4s", "group_interval": "1s"}),
    Story("old_start", [(0, fire("a", starts_s=-60))], route={"group_wait": "5s"}),
    Story("old_one_joins", [(0, fire("a")), (1.2, fire("b", starts_s=-60))], route={"group_wait": "5s"}),
    Story("starts_later", [(0, fire("a", starts_s=3))]),
    Story("many", [(0, fire(*(f"i{number}" for number in range(40))))]),
    Story("at_most_two", [(0, fire("a", "b", "c"))], receivers={"": {"max_alerts": 2}}),
    # --- ends ---
    Story("resolves", [(0, fire("a")), (1.5, end("a"))]),
    Story("resolves_in_wait", [(0, fire("a")), (0.5, end("a"))]),
    Story("refires_in_wait", [(0, fire("a")), (0.4, end("a")), (0.7, fire("a"))]),
    Story("refires_in_interval", [(0, fire("a")), (1.4, end("a")), (2.2, fire("a"))]),
    Story("refires_when_told", [(0, fire("a")), (1.5, end("a")), (3.5, fire("a"))]),
    Story("refires_with_another", [(0, fire("a")), (1.5, end("a")), (3.5, fire("b")), (4.2, fire("a"))]),
    Story("some_resolve", [(0, fire("a", "b")), (1.5, end("a")), (3.5, end("b"))]),
    Story("one_ends_one_comes", [(0, fire("a")), (1.5, end("a")), (1.7, fire("b"))]),
    Story("comes_and_goes", [(0.4 * n, (end if n % 2 else fire)("a")) for n in range(6)]),
    Story("comes_and_goes_slowly", [(0.67 * n, (end if n % 2 else fire)("a")) for n in range(6)]),
    Story(
        "flaps",
        [(0.4 * n, (end if n % 2 else fire)("a")) for n in range(20)],
        differs="an alert that begins to fire four times within 15 minutes is told once, and its end once it is calm",
        ours=[(1, "firing", "a")],
    ),
    Story("ends_untold", [(0, fire("a")), (1.5, end("a"))], receivers={"": {"send_resolved": False}}),
    Story("ends_untold_returns", [(0, fire("a")), (1.5, end("a")), (3.5, fire("a"))], receivers={"": {"send_resolved": False}}),
    Story("some_end_untold", [(0, fire("a", "b")), (1.5, end("a")), (3.5, fire("c"))], receivers={"": {"send_resolved": False}}),
    Story(
        "some_end_untold_and_return",
        [(0, fire("a", "b")), (1.5, end("a")), (3.5, fire("a"))],
        receivers={"": {"send_resolved": False}},
        differs="where ends are not told, an alert that ended and fires again is news",
        ours=[(1, "firing", "a b"), (5, "firing", "a b")],
    ),
    Story("ends_by_itself", [(0, fire("a", ends_s=2.2))]),
    Story("ends_in_wait_by_itself", [(0, fire("a", ends_s=0.6))]),
    Story("ends_at_past", [(0, fire("a")), (1.5, end("a", starts_s=-30, ends_s=-20))]),
    Story("unknown_end", [(0, end("a"))]),
    Story(
        "unknown_end_then_fire",
        [(0, end("a", starts_s=-0.2, ends_s=-0.1)), (1.5, fire("a"))],
        route={"group_wait": "3s"},
        differs="the end of an alert that nobody knew starts no wait for others",
        ours=[(4.5, "firing", "a")],
    ),
    Story("times_out", [(0, fire("a", ends_s=None))]),
    Story("kept_alive", [(n, fire("a", ends_s=None)) for n in (0, 2.5, 4.5)]),
    Story("end_comes_nearer", [(0, fire("a", ends_s=8.2)), (0.5, fire("a", ends_s=3))]),
    Story("end_replaces_timeout", [(0, fire("a", ends_s=None)), (0.5, fire("a", ends_s=1.8))]),
    Story("timeout_after_end", [(0, fire("a", ends_s=2.2)), (0.5, fire("a", ends_s=None))]),
    Story("ends_twice", [(0, fire("a")), (1.5, end("a")), (2, end("a", ends_s=-0.2))]),
    Story("ends_again_later", [(0, fire("a")), (1.5, end("a")), (5.5, end("a"))]),
    # --- repeats ---
    Story("repeats", [(0, fire("a"))], route={"group_interval": "1s", "repeat_interval": "2500ms"}),
    Story("repeats_off_beat", [(0, fire("a"))], route={"repeat_interval": "5s"}),
    Story("repeats_below_interval", [(0, fire("a"))], route={"group_interval": "3s", "repeat_interval": "1s"}),
    Story("news_moves_repeat", [(0, fire("a")), (3.5, fire("b"))], route={"group_interval": "1s", "repeat_interval": "3500ms"}),
    # --- routes ---
    Story(
        "goes_on",
        [(0, fire("a"))],
        route={"routes": [{"receiver": "x", "continue": True, "matchers": ["instance=a"]}, {"receiver": "y"}]},
        receivers={"x": {}, "y": {}},
    ),
    Story(
        "stops_at_first",
        [(0, fire("a", "b"))],
        route={"routes": [{"receiver": "x", "match": {"instance": "a"}}, {"receiver": "y", "match_re": {"instance": "a|b"}}]},
        receivers={"x": {}, "y": {}},
    ),
    Story(
        "nested",
        [(0, fire("a", "b", zone="z")), (0.3, fire("c"))],
        route={"routes": [{"matchers": ["zone=z"], "group_wait": "2s", "routes": [{"receiver": "x", "matchers": ["instance!=b"]}]}]},
        receivers={"x": {}},
    ),
    Story(
        "twice_the_same",
        [(0, fire("a", "b"))],
        route={"routes": [{"continue": True, "group_by": ["instance"]}, {"matchers": ['instance=~"a|b"'], "group_by": []}]},
    ),
    # --- inhibition ---
    Story(
        "inhibited",
        [(0, fire("s", alertname="Source")), (0.2, fire("t"))],
        inhibit=[{"source_matchers": ["alertname=Source"], "target_matchers": ["alertname=A"]}],
    ),
    Story(
        "inhibited_where_equal",
        [(0, fire("a", "b", alertname="Source")), (0.2, fire("b", "c"))],
        inhibit=[{"source_matchers": ["alertname=Source"], "target_matchers": ["alertname=A"], "equal": ["instance"]}],
    ),
    Story(
        "inhibited_where_missing",
        [(0, fire("s", alertname="Source")), (0.2, fire("t"))],
        inhibit=[{"source_matchers": ["alertname=Source"], "target_matchers": ["alertname=A"], "equal": ["zone"]}],
    ),
    Story(
        "inhibited_until_end",
        [(0, fire("s", alertname="Source")), (0.2, fire("t")), (4.5, end("s", alertname="Source"))],
        inhibit=[{"source_match": {"alertname": "Source"}, "target_match": {"alertname": "A"}}],
    ),
    Story(
        "source_comes_later",
        [(0, fire("t")), (1.5, fire("s", alertname="Source")), (5.5, end("s", alertname="Source"))],
        route={"repeat_interval": "3s"},
        inhibit=[{"source_match": {"alertname": "Source"}, "target_matchers": ["alertname=A"]}],
    ),
    Story(
        "not_by_itself",
        [(0, fire("a", "b", zone="z"))],
        inhibit=[{"source_matchers": ["zone=z"], "target_matchers": ["zone=z"], "equal": ["zone"]}],
    ),
    Story(
        "ends_while_inhibited",
        [(0, fire("t")), (1.5, fire("s", alertname="Source")), (3.5, end("t")), (5.5, end("s", alertname="Source"))],
        inhibit=[{"source_matchers": ["alertname=Source"], "target_matchers": ["alertname=A"]}],
        differs="whoever was told of a start hears of the end, as soon as nothing mutes it any longer",
        ours=[(1, "firing", "t"), (2.5, "firing", "s"), (6.5, "resolved", "s"), (7, "resolved", "t")],
    ),
    # --- silences ---
    Story("silenced", [(0, silence(ends_s=60)), (0.3, fire("a")), (4.5, end("a"))]),
    Story("silence_ends", [(0, silence(ends_s=3.7)), (0.3, fire("a"))]),
    Story("silence_is_expired", [(0, silence(ends_s=60)), (0.3, fire("a")), (3.7, expire())]),
    Story("silence_begins", [(0, silence(starts_s=1.6, ends_s=4.3)), (0.1, fire("a")), (2.4, fire("b"))]),
    Story("silence_of_one", [(0, silence(ends_s=60, instance="a")), (0.3, fire("a", "b"))]),
    Story("silence_holds_repeats", [(0, fire("a")), (1.5, silence(ends_s=4))], route={"repeat_interval": "1500ms"}),
    Story(
        "ends_while_silenced",
        [(0, fire("a")), (1.5, silence(ends_s=4)), (2.4, end("a"))],
        differs="whoever was told of a start hears of the end, once the silence is over",
        ours=[(1, "firing", "a"), (7, "resolved", "a")],
    ),
    # --- time intervals ---
    Story(
        "muted",
        [(0, fire("a"))],
        route={"routes": [{"mute_time_intervals": ["muted_always"]}]},
        intervals=[{"name": "muted_always", "time_intervals": [ALWAYS]}],
    ),
    Story(
        "muted_elsewhen",
        [(0, fire("a"))],
        route={"routes": [{"mute_time_intervals": ["muted_never"]}]},
        intervals=[{"name": "muted_never", "time_intervals": [NEVER]}],
    ),
    Story(
        "active",
        [(0, fire("a"))],
        route={"routes": [{"active_time_intervals": ["active_always"]}]},
        intervals=[{"name": "active_always", "time_intervals": [ALWAYS]}],
    ),
    Story(
        "active_elsewhen",
        [(0, fire("a"))],
        route={"routes": [{"active_time_intervals": ["active_never"]}]},
        intervals=[{"name": "active_never", "time_intervals": [NEVER]}],
    ),
    Story(
        "mute_is_not_inherited",
        [(0, fire("a"))],
        route={"mute_time_intervals": ["inherited"], "routes": [{"receiver": "x"}]},
        receivers={"x": {}},
        intervals=[{"name": "inherited", "time_intervals": [ALWAYS]}],
    ),
    # --- ours ---
    Story(
        "critical",
        [(0, fire("a", severity="critical")), (0.3, fire("b", severity="warning"))],
        differs="a critical alert's first notification does not wait (docs/adr/0004)",
        ours=[(0, "firing", "a"), (1, "firing", "a b")],
    ),
]  # fmt: skip


MOVES = Story("moves", [(0, fire("a"))], receivers={"x": {}})


@pytest.mark.long
async def test_stories_are_told_as_the_real_one_tells_them(tmp_path: Path) -> None:
    """Every story leads to the same notifications within 0.3 s, or to those that are named as ours.

    A machine that stalls makes one side's times late: by so much as its answers were late the times may differ more, and
    stories that were told differently are told again: what differs by nature does so each time.
    """
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    rounds = [[replace(story, name=f"{story.name}_{turn}") for story in STORIES] for turn in range(TURNS)]
    every = [*(story for stories in rounds for story in stories), MOVES]
    async with StorySink() as sink:
        files = {side: settings(every, sink=f"{sink.url}/{side}", resolve_timeout="4s") for side in SIDES}
        config_file = tmp_path / "alertmanager.yml"
        config_file.write_text(files["ours"])
        arguments = ("--no-collect", "--alertmanager-config", str(config_file))
        with (
            running_server(tmp_path / "ours", config=CONFIG, arguments=arguments) as server,
            real_alertmanager(tmp_path / "theirs", settings=files["theirs"]) as theirs,
        ):
            urls = {"theirs": theirs, "ours": server.url}
            faults = await _tell(rounds[0], sink, urls)
            await _move(tmp_path, files, urls, sink)
            moved = [[said.content for said in sink.said(side, [MOVES], MOVES, began_s=0)] for side in SIDES]
            for stories in rounds[1:]:
                if faults:
                    faults = await _tell([story for story in stories if _title(story) in faults], sink, urls)
    told = {side: len(heard) for side, heard in sink.heard.items()}
    assert min(told.values()) > len(STORIES), told
    assert moved[0] == moved[1]
    assert [receiver for receiver, *_ in moved[0]] == ["", "x"]
    assert not faults, "\n".join(f"{name}\n  " + "\n  ".join(lines) for name, lines in faults.items())


async def _move(folder: Path, files: dict[str, str], urls: dict[str, str], sink: StorySink) -> None:
    """An alert is told; then the routes are changed, and whoever it belongs to now is told of it at once."""

    def told(times: int) -> bool:
        return all(len(sink.said(side, [MOVES], MOVES, began_s=0)) >= times for side in SIDES)

    await play([MOVES], urls, began_s=time.time())
    await until(lambda: told(1))
    places = {"theirs": folder / "theirs" / "alertmanager.yml", "ours": folder / "alertmanager.yml"}
    for side, place in places.items():
        place.write_text(files[side].replace('"receiver": "moves"', '"receiver": "moves-x"'))
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(client.post(f"{urls[side]}/-/reload") for side in SIDES))
    assert [answer.status_code for answer in answers] == [200, 200]
    await until(lambda: told(2))
    await asyncio.sleep(1.5)  # long enough for one too many, were there one


async def _tell(stories: Sequence[Story], sink: StorySink, urls: dict[str, str]) -> dict[str, list[str]]:
    """What was told otherwise than it should be, by story."""
    began_s = time.time() + 0.2
    lags_s = await play(stories, urls, began_s=began_s)
    await asyncio.sleep(max(began_s + LAST_S + STAGGER_S * len(stories) - time.time(), 0))
    said = {story.name: [sink.said(side, stories, story, began_s=began_s) for side in SIDES] for story in stories}
    return {
        _title(story): faults for story in stories if (faults := _faults(story, *said[story.name], lags_s[story.name]))
    }


def _title(story: Story) -> str:
    """Its name, in whichever turn it is told."""
    return story.name.rpartition("_")[0]


def _faults(story: Story, theirs: Sequence[Said], ours: Sequence[Said], lag_s: float) -> list[str]:
    if math.isinf(lag_s):
        return ["the machine stalled in the middle of it"]
    within_s = WITHIN_S + lag_s
    if not story.differs:
        return differences(theirs, ours, within_s=within_s)
    wanted = [
        Said(at_s, "", "", status, tuple((name, status) for name in names.split()))
        for at_s, status, names in story.ours
    ]
    same = len(wanted) == len(ours) and all(
        abs(one.at_s - other.at_s) <= within_s and (one.status, one.alerts) == (other.status, other.alerts)
        for one, other in zip(wanted, ours, strict=True)
    )
    if not same:
        return [f"wanted {one}" for one in wanted] + [f"ours   {one}" for one in ours]
    return [] if differences(theirs, ours, within_s=within_s) else ["they do not differ any longer"]
