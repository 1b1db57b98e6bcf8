"""Builds what answers those who call without a token of the server: phones, buttons, heartbeats."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute

from anyascope.alerting.settings import AlertingOptions
from anyascope.api.callbacks import callback_routes
from anyascope.api.heartbeats import heartbeat_routes
from anyascope.api.links import link_routes
from anyascope.api.middleware import TokenCheck
from anyascope.app.ground import Ground
from anyascope.app.reload import Reloads
from anyascope.app.rooms import Rooms
from anyascope.model.channels.base import ChannelOptions
from anyascope.model.channels.phone import PhoneOptions
from anyascope.model.channels.slack import SlackOptions
from anyascope.notify.buttons import SlackButtons
from anyascope.notify.phone.answers import PhoneAnswers, PhoneBook


def build_callbacks(
    rooms: Rooms, reloads: Reloads, *, reach: str, tokens: TokenCheck | None, ground: Ground
) -> list[BaseRoute]:
    """The routes, which judge by the configuration in force.

    Args:
        reach: the server's external address; empty where none was configured.
        tokens: who knows the server's; None where it has none.
    """

    def phones() -> PhoneBook:
        alerting = reloads.settings.alerting
        every = _options_of(alerting)
        return PhoneBook(
            {key: options for key, options in every if isinstance(options, PhoneOptions)},
            alerting.external_url or reach,
        )

    def slacks() -> Sequence[SlackOptions]:
        return [options for _, options in _options_of(reloads.settings.alerting) if isinstance(options, SlackOptions)]

    rooms.calls.asks(lambda alert_ids: _is_taken_up(rooms, alert_ids))
    answers = PhoneAnswers(
        rooms.calls,
        book=phones,
        journal=rooms.courier.entry,
        alerts=rooms.alerting.alerts,
        responder=rooms.answering.responder,
        clock=ground.clock,
        registry=ground.registry,
    )
    buttons = SlackButtons(
        channels=slacks, responder=rooms.answering.responder, clock=ground.clock, registry=ground.registry
    )
    return [
        *callback_routes(answers, buttons),
        *heartbeat_routes(rooms.heartbeats, tokens),
        *link_routes(rooms.answering.links),
    ]


def _is_taken_up(rooms: Rooms, alert_ids: Sequence[str]) -> bool:
    # What is not known, as before alerting has started, is nobody's yet: the phone rings.
    known = {alert.id: alert.is_firing for alert in rooms.alerting.alerts()}
    care_of = rooms.answering.responder.care_of
    return all(one in known and (not known[one] or care_of(one).acknowledgement is not None) for one in alert_ids)


def _options_of(alerting: AlertingOptions) -> list[tuple[str, ChannelOptions]]:
    return [(one.key, one.options) for receiver in alerting.receivers.values() for one in receiver.integrations]
