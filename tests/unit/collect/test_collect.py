"""Unit tests of the room's front."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.collect import Collect
from anyascope.collect.hsm_options import HsmOptions, RemoteOptions, SignerKind
from anyascope.collect.options import (
    BitcoinNodeOptions,
    CertificateOptions,
    CollectOptions,
    HostOptions,
    JournalOptions,
    ProcessOptions,
    SelfOptions,
)
from anyascope.collect.scrape_config import ScrapeConfig, TargetGroup
from anyascope.errors import NotFoundError
from anyascope.model.labels import metric_of
from anyascope.model.status import TargetHealth
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from support.collecting import RecordingIntake, ScriptedTarget, answers, named, until

NOTHING = CollectOptions(
    host=HostOptions(enabled=False),
    process=ProcessOptions(enabled=False),
    journal=JournalOptions(enabled=False),
    itself=SelfOptions(enabled=False),
)


class Scene:
    """The whole room on a real clock."""

    def __init__(self, options: CollectOptions) -> None:
        self.intake = RecordingIntake()
        clock = SystemClock()
        self.collect = Collect(
            self.intake,
            options=options,
            documents=MemoryDocuments(clock=clock),
            clock=clock,
            registry=CollectorRegistry(),
        )

    async def __aenter__(self):
        await self.collect.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.collect.stop()

    def sources(self) -> set[str]:
        return {source for source, _ in self.intake.batches}

    def health(self) -> dict[str, HealthStatus]:
        return {entry.component: entry.status for entry in self.collect.health()}


def job(port: int, **fields) -> ScrapeConfig:
    """Scrapes soon. A busy machine may answer a scrape too late: what is waited for is how a later one went."""
    group = TargetGroup("0", ((("__address__", f"127.0.0.1:{port}"),),))
    return ScrapeConfig(
        **{"job_name": "app", "scrape_interval_s": 0.5, "scrape_timeout_s": 0.5, "static": (group,), **fields}
    )


async def test_by_default_this_machine_is_watched() -> None:
    """Without any settings host, process and server are read at once, and `up` has data."""
    async with Scene(replace(CollectOptions(), journal=JournalOptions(enabled=False))) as scene:
        await until(lambda: {"host", "process", "self"} <= scene.sources())
        found = {metric_of(labels) for _, batch in scene.intake.batches for labels in batch.samples.series}
        assert {
            "up",
            "node_load1",
            "node_uname_info",
            "process_cpu_seconds_total",
            "anyascope_scrape_samples_total",
        } <= found
        await until(lambda: scene.health().get("collect.host") is HealthStatus.HEALTHY)


async def test_nothing_is_collected_when_nothing_is_asked_for() -> None:
    """An empty store stays empty."""
    async with Scene(NOTHING) as scene:
        assert scene.health() == {}
        assert list(scene.collect.targets()) == []
    assert scene.intake.batches == []


async def test_scrapes_what_is_configured() -> None:
    """A target is scraped over a real socket, and seen in the list of targets."""
    async with ScriptedTarget(answers(b"a 1\n")) as target, Scene(NOTHING) as scene:
        await scene.collect.reload(replace(NOTHING, scrape_configs=(job(target.port),)))
        await until(
            lambda: (
                named(scene.intake.last(), "a") == [1.0]
                and scene.collect.targets()[0].health is TargetHealth.UP
                and scene.health() == {"collect.scrape": HealthStatus.HEALTHY}
            )
        )


async def test_the_wallets_of_a_node_are_watched_beside_it(tmp_path) -> None:
    """A job of their own, which says of a node that is gone what the node's says; none where none is to be watched."""
    node = BitcoinNodeOptions("one", "http://127.0.0.1:1", cookie_file=tmp_path / "none")
    options = replace(NOTHING, bitcoin=(node, replace(node, name="two", wallets=())))
    async with Scene(options) as scene:
        await until(lambda: scene.health().get("collect.bitcoin.one.wallets") is HealthStatus.DEGRADED)
        messages = {entry.component: entry.message for entry in scene.collect.health()}
        assert messages["collect.bitcoin.one.wallets"].startswith("no_credentials: ")
        assert "collect.bitcoin.two.wallets" not in messages
        assert scene.collect.bitcoin_wallets() == []


async def test_the_health_follows_the_targets() -> None:
    """One target of two down is degraded, all down is unhealthy, with what is wrong."""
    async with ScriptedTarget(answers(b"a 1\n")) as target:
        group = TargetGroup("0", tuple((("__address__", f"127.0.0.1:{port}"),) for port in (target.port, 1)))
        async with Scene(replace(NOTHING, scrape_configs=(job(0, static=(group,)),))) as scene:
            await until(
                lambda: (
                    scene.health()["collect.scrape"] is HealthStatus.DEGRADED
                    and "connection refused" in scene.collect.health()[0].message
                )
            )
            await scene.collect.reload(replace(NOTHING, scrape_configs=(job(1),)))
            await until(lambda: scene.health()["collect.scrape"] is HealthStatus.UNHEALTHY)


async def test_reloads_what_changed_only() -> None:
    """A reload that changes the jobs leaves the collectors alone, and the other way round."""
    only_host = replace(NOTHING, host=HostOptions())
    async with ScriptedTarget(answers(b"a 1\n")) as target, Scene(only_host) as scene:
        await until(lambda: scene.sources() == {"host"})
        runners = scene.collect._runners
        await scene.collect.reload(replace(only_host, scrape_configs=(job(target.port),)))
        assert scene.collect._runners is runners
        await until(lambda: "scrape" in scene.sources())
        await scene.collect.reload(replace(NOTHING, scrape_configs=(job(target.port),)))
        assert scene.collect._runners == []
        assert len(scene.collect.targets()) == 1


async def test_watches_certificates_when_told_to(tmp_path) -> None:
    """Files and servers that are named are looked at; one that cannot be read is told."""
    options = replace(NOTHING, certificates=CertificateOptions(files=(tmp_path / "gone.pem",)))
    async with Scene(options) as scene:
        await until(lambda: scene.health()["collect.certificates"] is HealthStatus.DEGRADED)
        assert named(scene.intake.last(), "probe_success") == [0.0]


async def test_watches_hsms_when_told_to() -> None:
    """Each is a collector and a component of its own; one that nobody answers for is unhealthy, and says what to do."""
    far = RemoteOptions(SignerKind.VAULT, "http://127.0.0.1:1", "transit")
    async with Scene(replace(NOTHING, hsms=(HsmOptions("far", "vault", far),))) as scene:
        await until(lambda: scene.health()["collect.hsm.far"] is HealthStatus.UNHEALTHY)
        assert scene.collect.health()[0].advice == "see whether the signer runs, and its address"
        assert named(scene.intake.last(), "anya_hsm_up") == [0.0]
        with pytest.raises(NotFoundError, match=r"no HSM is called near; there are far"):
            await scene.collect.accept_hsm("near", by="ann")


async def test_an_hsm_is_accepted_by_its_name_alone() -> None:
    """Where none is watched, that is said."""
    async with Scene(NOTHING) as scene:
        with pytest.raises(NotFoundError, match=r"no HSM is called core; none is watched"):
            await scene.collect.accept_hsm("core", by="ann")
