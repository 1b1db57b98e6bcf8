"""Test messages, with channels built for them from the settings in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from anyascope.alerting.settings import AlertingOptions
from anyascope.clock import Clock
from anyascope.errors import NotFoundError
from anyascope.ids import Ids
from anyascope.notify.templates import load_templates
from anyascope.notify.trial import Trial, try_receiver


class Trials:
    """Tries receivers.

    Args:
        options: the settings in force, with the address for links.
    """

    def __init__(self, options: Callable[[], AlertingOptions], *, clock: Clock, ids: Ids) -> None:
        self._options = options
        self._clock = clock
        self._ids = ids
        self._turn = asyncio.Lock()  # one at a time: a door for test messages is no door for floods

    async def try_receiver(self, name: str) -> Sequence[Trial]:
        """Send a test message through each channel of a receiver.

        Raises:
            NotFoundError: there is no such receiver.
            InvalidInputError: a file of `templates` cannot be read.
        """
        options = self._options()
        receiver = options.receivers.get(name)
        if receiver is None:
            known = ", ".join(sorted(options.receivers))
            raise NotFoundError(f"there is no receiver {name}; there are {known}")
        async with self._turn:
            templates = await asyncio.to_thread(load_templates, options.templates, now_ns=self._clock.now_ns)
            return await try_receiver(
                receiver, templates=templates, clock=self._clock, ids=self._ids, external_url=options.external_url
            )
