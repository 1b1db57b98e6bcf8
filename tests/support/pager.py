"""A process with nothing but alerting in it: alerts as JSON lines in, one or several a line, `taken` out. To be killed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry

from anyascope.alerting.desk import Alerting
from anyascope.alerting.settings import AlertingOptions, read_alertmanager_file
from anyascope.clock import SystemClock
from anyascope.ids import RandomIds
from anyascope.model.alerts import Alert
from anyascope.model.labels import labels_of
from anyascope.notify.channels.registry import build_channels
from anyascope.notify.courier import Courier
from anyascope.notify.patience import CourierOptions
from anyascope.notify.receipts import Receipts
from anyascope.notify.templates import load_templates
from anyascope.store.documents import open_documents


async def main(options: AlertingOptions, database: str) -> None:
    clock, registry = SystemClock(), CollectorRegistry()
    documents = await open_documents(database, clock=clock)
    templates = load_templates(options.templates, now_ns=clock.now_ns)
    channels = build_channels(options.receivers.values(), templates=templates, clock=clock)
    patience = CourierOptions(backoff_first_s=0.1, backoff_max_s=0.5)
    courier = Courier(
        documents,
        channels,
        options=patience,
        clock=clock,
        random=Random(),
        registry=registry,
        receipts=Receipts(Path(database).parent),
    )
    alerting = Alerting(documents, courier, options=options, clock=clock, ids=RandomIds(clock), registry=registry)
    await courier.start()
    await alerting.start()
    say("ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        posted = json.loads(line)
        await alerting.receive([alert_of(one, now_ns=clock.now_ns()) for one in posted.get("alerts", [posted])])
        say("taken")


def alert_of(posted: dict[str, Any], *, now_ns: int) -> Alert:
    ends_ns = now_ns if posted.get("ended") else now_ns + 600 * 10**9
    return Alert(labels_of(posted["labels"]), posted.get("annotations", {}), now_ns, ends_ns)


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    settings = read_alertmanager_file(Path(sys.argv[1]).read_text(), file=sys.argv[1])
    asyncio.run(main(settings, sys.argv[2]))
