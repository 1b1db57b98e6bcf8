"""Whatever happens, the collector locks no PIN: restarts, reloads, several HSMs on one token, files that change, logins that hang."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.clock import ManualClock
from anyascope.collect.collectors.hsm.nouns import PinState, TokenSight
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.store.documents import MemoryDocuments

TOKEN = TokenSight("7", "core", serial="ab", model="Card")
RIGHT = "right"
PINS = (RIGHT, "wrong-1", "wrong-2", "wrong-3", "wrong-4")
HSMS = range(3)  # entries of the settings that use the token


@dataclass
class Card:
    """A token that locks after `tries_max` wrong PINs; whether it tells how many are left is its own affair."""

    tries_max: int
    tells: bool
    wrong: int = 0
    sent: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def state(self) -> PinState:
        if not self.tells or not self.wrong:
            return PinState.OK
        if self.wrong >= self.tries_max:
            return PinState.LOCKED
        return PinState.FINAL_TRY if self.wrong == self.tries_max - 1 else PinState.LOW

    def login(self, pin: str) -> str:
        self.sent.append(pin)
        assert self.wrong < self.tries_max, f"locked by {self.sent}"
        if pin == RIGHT:
            self.wrong = 0
            return ""
        self.wrong += 1
        return "pin_incorrect"


class Server:
    """What a life of the server knows: the gates; the documents outlive it."""

    def __init__(self, card: Card, documents: MemoryDocuments) -> None:
        self.card = card
        self.documents = documents
        self.pins = dict.fromkeys(HSMS, PINS[1])
        self.restart()

    def restart(self) -> None:
        self.gates = PinGates(self.documents, cost=2)

    async def look(self, hsm: int, *, ending: str) -> None:
        """One look of one HSM that has no session; `ending` is how the login goes."""
        pin, gate = self.pins[hsm], self.gates.of(TOKEN)
        async with gate.turn:
            if await gate.holds(pin, self.card.state) or not await gate.sending(pin):
                return
            if ending == "absent":
                await gate.answered(pin, "token_not_present")
                return
            was_refused = self.card.refused[pin]
            answer = self.card.login(pin)
            if ending == "killed":  # the token counted, and nobody heard the answer
                self.restart()
            elif ending == "hangs":
                await gate.answered(pin, "timeout")
            else:
                assert not was_refused, f"{pin} went out again after its refusal"
                self.card.refused[pin] += bool(answer)
                await gate.answered(pin, answer)


looks = st.tuples(
    st.just("look"), st.sampled_from(HSMS), st.sampled_from(("answers", "answers", "hangs", "killed", "absent"))
)
moves = st.one_of(
    looks,
    st.tuples(st.just("both"), st.sampled_from(HSMS), st.sampled_from(HSMS)),
    st.tuples(st.just("pin"), st.sampled_from(HSMS), st.sampled_from(PINS)),
    st.tuples(st.just("restart"), st.just(0), st.just("")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(moves, max_size=40), st.integers(3, 10), st.booleans())
def test_no_story_locks_a_token_and_no_refused_pin_goes_out_again(story, tries_max, tells) -> None:
    """A token that locks at the third wrong PIN or later is never locked by us, whether it tells its count or not."""

    async def play() -> None:
        card = Card(tries_max, tells)
        server = Server(card, MemoryDocuments(clock=ManualClock()))
        for what, first, second in story:
            match what:
                case "look":
                    await server.look(first, ending=second)
                case "both":  # at the same moment
                    await asyncio.gather(*(server.look(one, ending="answers") for one in (first, second)))
                case "pin":
                    server.pins[first] = second
                case "restart":
                    server.restart()
        assert card.wrong < tries_max

    asyncio.run(play())


@settings(max_examples=6, deadline=None)
@given(st.integers(1, 6))
def test_two_hsms_with_the_same_wrong_pin_spend_one_try(restarts) -> None:
    """However often the server starts, and though each HSM looks at every start."""

    async def play() -> None:
        card = Card(3, tells=False)
        server = Server(card, MemoryDocuments(clock=ManualClock()))
        for _ in range(restarts):
            await asyncio.gather(*(server.look(hsm, ending="answers") for hsm in HSMS))
            server.restart()
        assert card.sent == [PINS[1]]

    asyncio.run(play())


@pytest.mark.parametrize("tells", [True, False])
def test_the_right_pin_gets_through_after_a_wrong_one(tells) -> None:
    """One mistake in the settings needs nobody at the token; and its login clears the count for the next mistake."""

    async def play() -> None:
        card = Card(3, tells)
        server = Server(card, MemoryDocuments(clock=ManualClock()))
        for pin in (PINS[1], RIGHT, PINS[2], RIGHT, PINS[1], RIGHT):
            server.pins[0] = pin
            await server.look(0, ending="answers")
        assert card.sent == [PINS[1], RIGHT, PINS[2], RIGHT, RIGHT]

    asyncio.run(play())
