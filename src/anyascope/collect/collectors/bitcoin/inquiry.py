"""Asks a node what a look wants to know; what it refuses, lacks, or is slow with is kept beside the answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from statistics import median
from typing import Any, TypeVar

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.wire.bitcoin.rpc import FORBIDDEN, METHOD_NOT_FOUND, TIMEOUT, UNREACHABLE, Refusal

FORBIDDEN_REST_S = 600.0  # a method that the user may not call is a line of the node's log each time it is asked for
BROKEN = frozenset((UNREACHABLE, TIMEOUT))
_SWITCHED_OFF = "Fee estimation disabled"  # of a node with `blocksonly`: an internal error by its code, and none
T = TypeVar("T")


class Inquiry:
    """The calls of one node's looks, one after the other.

    Args:
        on_fault: told the code of each refusal of a method that the node has.

    Attributes:
        lacks: methods that the node does not have, as far as they were asked for since it started.
        faults: what was refused in this look.
    """

    def __init__(self, client: RpcClient, *, clock: Clock, on_fault: Callable[[str], None]) -> None:
        self._client = client
        self._clock = clock
        self._on_fault = on_fault
        self._forbidden: dict[str, tuple[int, Refusal]] = {}
        self._took_ns: list[int] = []
        self.lacks: set[str] = set()
        self.faults: list[Refusal] = []

    def begin(self) -> None:
        """A look begins."""
        self.faults, self._took_ns = [], []

    def forget(self) -> None:
        """The node started again: it may be another version, with other rights."""
        self.lacks.clear()
        self._forbidden.clear()

    @property
    def is_gone(self) -> bool:
        """Whether the node was found gone in this look."""
        return any(fault.code in BROKEN for fault in self.faults)

    @property
    def usual_s(self) -> float:
        """How long half of the calls of this look took at least, in seconds; 0 before the first."""
        return median(self._took_ns) / NS_PER_S if self._took_ns else 0.0

    async def ask(self, method: str, *params: Any, fine: Collection[str] = ()) -> Any | None:
        """What the node says; None where it refuses, lacks the method, or was found gone in this look.

        Args:
            fine: codes of refusals that answer the question: such a refusal is given back.
        """
        if self._is_in_vain(method):
            return None
        started_ns = self._clock.monotonic_ns()
        [told] = await self._client.call_each(method, [params], fine=fine)
        self._took_ns.append(self._clock.monotonic_ns() - started_ns)
        return told if isinstance(told, Refusal) and told.code in fine else self._taken(method, told)

    async def ask_as(self, shape: type[T], method: str, *params: Any) -> T | None:
        """The same, in a shape that is wanted: for large answers, which say nothing of how quick the node is."""
        if self._is_in_vain(method):
            return None
        told: T | Refusal = await self._client.call_as(shape, method, *params)
        return None if self._taken(method, told) is None or isinstance(told, Refusal) else told

    async def ask_each(self, method: str, values: Sequence[Any], *, fine: Collection[str] = ()) -> list[Any | None]:
        """What the node says to each value, in their order; None where it says nothing.

        Args:
            fine: codes of refusals that are no fault, such as a thing that is not there any more.
        """
        if self._is_in_vain(method) or not values:
            return [None] * len(values)
        told = await self._client.call_each(method, [(value,) for value in values], fine=fine)
        refused = {each.code: each for each in told if isinstance(each, Refusal) and each.code not in fine}
        for refusal in refused.values():  # a batch that is refused is one fault
            self._taken(method, refusal)
        return [None if isinstance(each, Refusal) else each for each in told]

    def note(self, method: str, refusal: Refusal) -> None:
        """A call that was made elsewhere was refused."""
        self._taken(method, refusal)

    def _is_in_vain(self, method: str) -> bool:
        if method in self.lacks or self.is_gone:
            return True
        refused_ns, refusal = self._forbidden.get(method, (0, None))
        if refusal is None or self._clock.monotonic_ns() - refused_ns >= FORBIDDEN_REST_S * NS_PER_S:
            return False
        self.faults.append(refusal)  # it still holds
        return True

    def _taken(self, method: str, told: Any | Refusal) -> Any | None:
        if not isinstance(told, Refusal):
            self._forbidden.pop(method, None)
            return told
        if told.code == METHOD_NOT_FOUND or _SWITCHED_OFF in told.message:
            self.lacks.add(method)
            return None
        fault = Refusal(told.code, f"{method}: {told.message}")
        self.faults.append(fault)
        self._on_fault(told.code)
        if told.code == FORBIDDEN:
            self._forbidden[method] = (self._clock.monotonic_ns(), fault)
        return None
