"""Whom to tell: receivers, and the channels behind each."""

from __future__ import annotations

from dataclasses import dataclass

from anyascope.model.channels.base import ChannelOptions
from anyascope.model.labels import Labels


@dataclass(frozen=True, slots=True)
class Integration:
    """One channel of a receiver. `key` tells it from all others: `receiver/kind/index`."""

    key: str
    kind: str
    options: ChannelOptions
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Receiver:
    """A name in the routes, and the channels behind it; none is a receiver that nobody hears.

    Attributes:
        labels: tell receivers apart in the API.
    """

    name: str
    integrations: tuple[Integration, ...] = ()
    labels: Labels = ()
