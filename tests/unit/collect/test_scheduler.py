"""Unit tests of when targets are scraped, on a manual clock."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.collect.http import Answer, FetchError
from anyascope.collect.scheduler import Parts, ScrapeManager, next_due_ns, offset_ns
from anyascope.collect.scrape_config import FileDiscovery, ScrapeConfig, ScrapeLimits, TargetGroup
from anyascope.collect.tally import ScrapeTally
from anyascope.collect.targets import Target
from anyascope.model.labels import labels_of
from anyascope.wire.relabel import RelabelAction, RelabelRule
from support.collecting import RecordingIntake, ended_in, times_of


class Farm:
    """Every target answers a page; those that are named answer never, or break."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.silent: set[str] = set()
        self.clock = ManualClock()
        self.intake = RecordingIntake()
        self.registry = CollectorRegistry()
        self.manager = ScrapeManager(
            Parts(
                intake=self.intake,
                clock=self.clock,
                tally=ScrapeTally(self.registry),
                make_fetcher=lambda *_: self,
            )
        )

    async def get(self, url: str, *, headers, bounds) -> Answer:
        self.asked.append((url, self.clock.now_ns()))
        if any(part in url for part in self.silent):
            await self.clock.sleep(bounds.timeout_s)
            raise FetchError(f"timed out after {bounds.timeout_s:g}s while waiting for the answer")
        return Answer(b"a 1\n", "text/plain")

    def close(self) -> None:
        pass

    def times(self, part: str) -> list[int]:
        return [at_ns for url, at_ns in self.asked if part in url]


def job(*addresses: str, **fields) -> ScrapeConfig:
    group = TargetGroup("0", tuple((("__address__", address),) for address in addresses))
    return ScrapeConfig(
        **{"job_name": "node", "scrape_interval_s": 15.0, "scrape_timeout_s": 5.0, "static": (group,), **fields}
    )


def ended(farm: Farm) -> set[str]:
    return {dict(labels)["__name__"] for _, batch in farm.intake.batches for labels in ended_in(batch)}


def test_the_moment_is_stable_and_spread() -> None:
    """A target keeps its moment over restarts; many targets spread over the interval."""
    targets = [Target(labels_of({"instance": str(n)}), f"http://h{n}/metrics", 15.0, 5.0) for n in range(300)]
    offsets = [offset_ns(target) for target in targets]
    assert offsets == [offset_ns(replace(target, discovered=labels_of({"x": "y"}))) for target in targets]
    assert all(0 <= offset < 15 * NS_PER_S for offset in offsets)
    thirds = [sum(1 for offset in offsets if offset * 3 // (15 * NS_PER_S) == part) for part in range(3)]
    assert min(thirds) > 70


def test_the_next_moment_is_never_now() -> None:
    """The next moment lies after now and at most an interval away, whatever the clock says."""
    for now_ns in (0, 1, 99, 100, 101, 12345):
        due_ns = next_due_ns(now_ns, interval_ns=100, offset=30)
        assert now_ns < due_ns <= now_ns + 100
        assert due_ns % 100 == 30


async def test_scrapes_once_an_interval_at_its_moment() -> None:
    """A target is scraped at equal distances, and the samples carry just those times."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(60)
    times = farm.times("a:1")
    assert len(times) == 4
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {15 * NS_PER_S}
    written = sorted(time_ms for _, batch in farm.intake.batches for time_ms in times_of(batch))
    assert written == [time_ns // 1_000_000 for time_ns in times]
    await farm.manager.stop()


async def test_a_silent_target_disturbs_no_other() -> None:
    """While one target lets us wait, the others are scraped as ever."""
    farm = Farm()
    farm.silent = {"slow"}
    await farm.manager.apply([job("slow:1", "quick:1")])
    await farm.clock.advance(60)
    assert len(farm.times("quick")) == 4
    assert len(farm.times("slow")) == 4
    errors = {view.scrape_url: view.last_error for view in farm.manager.views()}
    assert errors["http://slow:1/metrics"] == "timed out after 5s while waiting for the answer"
    assert errors["http://quick:1/metrics"] == ""
    await farm.manager.stop()


async def test_a_removed_target_ends_its_series() -> None:
    """A target that is configured no more is asked no more, and its series are marked."""
    farm = Farm()
    await farm.manager.apply([job("a:1", "b:1")])
    await farm.clock.advance(15)
    await farm.manager.apply([job("b:1")])
    await farm.clock.advance(15)
    assert ended(farm) == set()
    await farm.clock.advance(20)
    assert "a" in ended(farm)
    before = len(farm.times("a:1"))
    await farm.clock.advance(60)
    assert len(farm.times("a:1")) == before
    await farm.manager.stop()


async def test_a_removed_job_ends_its_series() -> None:
    """A job that is configured no more ends, with markers for everything it had."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(15)
    await farm.manager.apply([])
    await farm.clock.advance(35)
    assert {"a", "up", "scrape_duration_seconds"} <= ended(farm)
    assert farm.manager.views() == []
    await farm.manager.stop()


async def test_series_end_at_the_scrape_that_was_missed() -> None:
    """The markers of a target that is gone carry the time at which it would have been scraped next."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(15)
    await farm.manager.apply([])
    await farm.clock.advance(35)
    (marked,) = [batch for _, batch in farm.intake.batches if ended_in(batch)]
    assert times_of(marked) == {(farm.times("a:1")[-1] + 15 * NS_PER_S) // 1_000_000}
    await farm.manager.stop()


@pytest.mark.parametrize("away_s", [1, 15])
async def test_a_target_that_flaps_leaves_no_marker(away_s: float) -> None:
    """A target, or a whole job, that is back within an interval goes on as if it had never gone."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(16)
    await farm.manager.apply([])
    await farm.clock.advance(away_s)
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(60)
    assert ended(farm) == set()
    assert len(farm.manager.views()) == 1
    await farm.manager.stop()


async def test_a_target_that_moves_keeps_its_series() -> None:
    """A target with the same labels at another address takes the series over."""
    farm = Farm()
    labels = {"labels": labels_of({"instance": "same"})}
    groups = [TargetGroup("0", ((("__address__", address),),), **labels) for address in ("a:1", "b:1")]
    await farm.manager.apply([job(static=(groups[0],))])
    await farm.clock.advance(16)
    await farm.manager.apply([job(static=(groups[1],))])
    await farm.clock.advance(60)
    assert (len(farm.times("a:1")), len(farm.times("b:1"))) == (1, 4)
    assert ended(farm) == set()
    await farm.manager.stop()


async def test_an_unchanged_job_is_left_alone() -> None:
    """A reload with the same settings neither restarts nor marks anything."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(15)
    pool = farm.manager._pools["node"]
    await farm.manager.apply([job("a:1"), job("b:1", job_name="other")])
    assert farm.manager._pools["node"] is pool
    await farm.clock.advance(30)
    assert len(farm.times("a:1")) == 3
    assert ended(farm) == set()
    await farm.manager.stop()


async def test_a_changed_job_goes_on_without_a_gap() -> None:
    """A job with other settings takes its targets' series over: no marker stands between the last and the next sample."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(30)
    await farm.manager.apply([job("a:1", honor_labels=True)])
    await farm.clock.advance(30)
    assert ended(farm) == set()
    assert len(farm.times("a:1")) == 4
    await farm.manager.stop()


async def test_stopping_marks_nothing() -> None:
    """The server's own end is not the end of what it observes."""
    farm = Farm()
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(15)
    await farm.manager.stop()
    assert ended(farm) == set()


async def test_targets_from_a_file_come_and_go(tmp_path) -> None:
    """A file's change is seen within seconds, without a reload."""
    path = tmp_path / "t.json"
    path.write_text('[{"targets": ["a:1"]}]')
    farm = Farm()
    await farm.manager.apply([job(files=(FileDiscovery(("t.json",), tmp_path),), static=())])
    await farm.clock.advance(16)
    assert [view.scrape_url for view in farm.manager.views()] == ["http://a:1/metrics"]
    path.write_text('[{"targets": ["bb:1"]}]')
    await farm.clock.advance(16)
    assert [view.scrape_url for view in farm.manager.views()] == ["http://bb:1/metrics"]
    await farm.clock.advance(35)
    assert "a" in ended(farm)
    await farm.manager.stop()


async def test_too_many_targets_are_all_down() -> None:
    """Past the target limit no target of the job is asked, and each says why."""
    farm = Farm()
    await farm.manager.apply([job("a:1", "b:1", limits=ScrapeLimits(target_limit=1))])
    await farm.clock.advance(15)
    assert farm.asked == []
    assert {view.last_error for view in farm.manager.views()} == {
        "target_limit exceeded (number of targets: 2, limit: 1)"
    }
    await farm.manager.stop()


async def test_a_fault_of_ours_ends_no_loop() -> None:
    """What nobody expected in one scrape is logged, and the next scrape comes."""
    farm = Farm()

    async def breaks(url: str, *, headers, bounds) -> Answer:
        farm.asked.append((url, farm.clock.now_ns()))
        raise RuntimeError("a fault")

    farm.get = breaks  # type: ignore[method-assign]
    await farm.manager.apply([job("a:1")])
    await farm.clock.advance(45)
    assert len(farm.asked) == 3
    await farm.manager.stop()


async def test_counts_targets_by_job() -> None:
    """The server tells how many targets each job has."""
    farm = Farm()
    await farm.manager.apply([job("a:1", "b:1")])
    assert farm.registry.get_sample_value("anyascope_scrape_targets", {"job": "node"}) == 2.0
    await farm.manager.apply([])
    assert farm.registry.get_sample_value("anyascope_scrape_targets", {"job": "node"}) is None
    await asyncio.sleep(0)


async def test_dropped_targets_are_all_counted_and_some_told_of() -> None:
    """keep_dropped_targets bounds how many are told of, not how many are known to be dropped."""
    farm = Farm()
    drop = RelabelRule(RelabelAction.DROP, source_labels=("__address__",), regex=".*")
    await farm.manager.apply([job("a:1", "b:1", "c:1", relabel_rules=(drop,), dropped_kept=2)])
    assert [view.is_shown for view in farm.manager.dropped()] == [True, True, False]
    await farm.manager.apply([job("a:1", "b:1", "c:1", relabel_rules=(drop,))])
    assert [view.is_shown for view in farm.manager.dropped()] == [True, True, True]
    await farm.manager.stop()


async def test_a_reload_keeps_what_a_discovery_found(tmp_path) -> None:
    """A job that changes goes on with the targets that its unchanged discoveries know, without asking them anew."""
    path = tmp_path / "t.json"
    path.write_text('[{"targets": ["a:1"]}]')
    files = (FileDiscovery(("t.json",), tmp_path),)
    farm = Farm()
    await farm.manager.apply([job(files=files, static=())])
    path.write_text("broken")
    await farm.manager.apply([job(files=files, static=(), honor_labels=True)])
    assert [view.scrape_url for view in farm.manager.views()] == ["http://a:1/metrics"]
    await farm.manager.stop()
