"""What 100,000 pending timers cost while none is due: a group each, which waits for an hour."""

from __future__ import annotations

import asyncio
import logging
import resource
import tempfile
import time
from pathlib import Path
from random import Random

import structlog
from prometheus_client import CollectorRegistry, generate_latest

from anyascope.alerting.desk import Alerting
from anyascope.alerting.settings import read_alertmanager_file
from anyascope.clock import SystemClock
from anyascope.ids import RandomIds
from anyascope.model.alerts import Alert
from anyascope.model.labels import labels_of
from anyascope.notify.courier import Courier
from anyascope.notify.patience import CourierOptions
from anyascope.store.documents import open_documents
from figures import show

TIMERS = 100_000
BATCH = 5_000
IDLE_S = 20.0
SCRAPE_EVERY_S = 5.0  # thrice as often as the server looks at itself
SETTINGS = """
route: {receiver: nobody, group_by: ['...'], group_wait: 1h}
receivers: [{name: nobody}]
"""


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    clock, registry = SystemClock(), CollectorRegistry()
    with tempfile.TemporaryDirectory() as folder:
        documents = await open_documents(Path(folder) / "state.db", clock=clock)
        courier = Courier(documents, {}, options=CourierOptions(), clock=clock, random=Random(1), registry=registry)
        options = read_alertmanager_file(SETTINGS, file="alertmanager.yml")
        desk = Alerting(documents, courier, options=options, clock=clock, ids=RandomIds(clock), registry=registry)
        await courier.start()
        await desk.start()
        began = time.perf_counter()
        for first in range(0, TIMERS, BATCH):
            names = range(first, first + BATCH)
            await desk.receive([Alert(labels_of({"alertname": "Timer", "instance": str(name)})) for name in names])
        show("timers: groups made", TIMERS / (time.perf_counter() - began), "groups/s")
        await asyncio.sleep(1)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(int(IDLE_S / SCRAPE_EVERY_S)):
            await asyncio.sleep(SCRAPE_EVERY_S)
            generate_latest(registry)
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        show("timers: CPU while 100,000 wait", 100 * cpu_s / IDLE_S, "% of a core", bar=1, is_most=True)
        show("timers: memory", after.ru_maxrss / 1024, "MB")
        await desk.stop()
        await courier.drain()
        await documents.close()


if __name__ == "__main__":
    asyncio.run(main())
