"""Which silences hold for an alert, found by an index, are those that a look at each of them finds."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.alerting.intake import merge
from anyascope.alerting.matchers import compile_matchers
from anyascope.alerting.silence_rules import state_of
from anyascope.alerting.silences import Silences
from anyascope.clock import NS_PER_S, ManualClock
from anyascope.errors import InvalidInputError
from anyascope.ids import CountedIds
from anyascope.model.alerts import Alert
from anyascope.model.labels import Matcher, MatchOp, labels_of
from anyascope.model.silences import Recurrence, Silence, SilenceState
from anyascope.store.documents import MemoryDocuments

NAMES, VALUES = st.sampled_from("ab"), st.sampled_from(["", "x", "y", "x|y"])
MATCHERS = st.lists(st.builds(Matcher, NAMES, st.sampled_from(MatchOp), VALUES), min_size=1, max_size=3)
SPANS = st.tuples(st.integers(0, 100), st.integers(1, 100), st.booleans())
LABELS = st.dictionaries(NAMES, st.sampled_from("xy"), min_size=1)
WINDOW = Recurrence(22 * 60 + 14, 22 * 60 + 15)  # the clock begins at 22:13:20 UTC


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(MATCHERS, SPANS), max_size=6), st.lists(LABELS, min_size=1, max_size=3), st.data())
def test_the_index_finds_what_a_look_at_each_finds(wishes, sets, data):
    """At every moment, in whatever order moments are asked for, and after each change."""

    async def run():
        clock = ManualClock()
        silences = Silences(MemoryDocuments(clock=clock), clock=clock, ids=CountedIds())
        start_ns = clock.now_ns()
        alerts = [
            merge(None, Alert(labels_of(labels)), fingerprint="f", now_ns=start_ns, resolve_timeout_ns=NS_PER_S)
            for labels in sets
        ]
        for matchers, (from_s, length_s, recurs) in wishes:
            times = start_ns + from_s * NS_PER_S, start_ns + (from_s + length_s) * NS_PER_S
            recurrence = WINDOW if recurs else None
            try:
                await silences.put(Silence("", tuple(matchers), *times, "a", "b", recurrence=recurrence))
            except InvalidInputError:
                continue  # it would match everything
            now_ns = start_ns + data.draw(st.integers(0, 250)) * NS_PER_S
            held = [status.silence for status in silences.list()]
            for alert in alerts:
                labels = dict(alert.labels)
                wanted = sorted(
                    one.id
                    for one in held
                    if state_of(one, now_ns) is SilenceState.ACTIVE and compile_matchers(one.matchers)(labels)
                )
                assert list(silences.silenced_by(alert, now_ns=now_ns)) == wanted

    asyncio.run(run())
