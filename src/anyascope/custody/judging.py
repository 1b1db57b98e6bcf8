"""Who judges: each spend with what is on record about it, as soon as all is there, or its grace is over."""

from __future__ import annotations

from anyascope.custody.docket import Common
from anyascope.custody.keeping import Keeper
from anyascope.custody.matching import Policy, judge
from anyascope.custody.nouns import EvidenceKind, Item, State, Verdict
from anyascope.custody.records import Records
from anyascope.custody.settling import judged, spent_by
from anyascope.custody.waiting import Pending


class Judge:
    """Settles what can be settled."""

    def __init__(self, common: Common, records: Records, keeper: Keeper) -> None:
        self._common = common
        self._docket = common.docket
        self._records = records
        self._keeper = keeper

    def verdict(self, pending: Pending) -> Verdict:
        """By what is on record now."""
        dossiers = self._records.dossiers_of(pending)
        spent = {each.txid for dossier in dossiers.values() for each in dossier if each.kind is EvidenceKind.SPENT}
        return judge(
            pending.spend,
            dossiers,
            Policy(
                self._common.options.approval_steps,
                require_amount=self._common.options.require_amount,
                fee_sats_max=self._common.options.fee_sats_max,
            ),
            gone={txid for txid in spent if txid in self._docket.gone},
        )

    async def judge(self) -> None:
        """Settle what can be settled: matched where all is there, unmatched where the grace is over."""
        now_ns, mono_ns = self._common.clock.now_ns(), self._common.clock.monotonic_ns()
        touched = self._docket.take_touched()
        settled: list[Item] = []
        for pending in self._docket.pendings.elders_first():
            is_due = pending.item.state is State.WAITING and pending.due_ns <= mono_ns
            if not is_due and pending.spend.key not in touched:
                continue
            strangers = self._records.strangers(pending)
            if strangers - pending.asked:
                self._records.ask(pending)
            verdict = self.verdict(pending)
            is_overdue = is_due and (not pending.asking or pending.late_ns <= mono_ns)
            # Of one that several pay for the amount is known once all wallets were asked: within the grace.
            is_whole = is_due or not pending.spend.shares_inputs
            if is_overdue or (verdict.is_matched and not strangers and (is_whole or not _waits(pending))):
                settled.append(judged(pending.item, verdict, now_ns=now_ns))
                if verdict.is_matched:
                    # At once, so that another spend of the same operation in this very look finds it.
                    self._records.note(spent_by(settled[-1]))
                    self._hand_down(settled[-1])
        if settled:
            try:
                await self._keeper.settle(settled)
            except BaseException:
                self._docket.touch(touched | {item.spend.key for item in settled})
                raise

    def _hand_down(self, item: Item) -> None:
        """Who replaces it, and waits, inherits its requests: of several bumps in a row perhaps only the first was named."""
        for heir in self._docket.pendings.heirs_of(item.spend.key):
            if not set(item.correlation_ids) <= set(heir.inherited):
                heir.inherited = tuple(dict.fromkeys((*heir.inherited, *item.correlation_ids)))
                self._docket.pendings.put(heir)  # found by these, too, from now on
                self._docket.touch([heir.spend.key])
                self._docket.wake.set()


def _waits(pending: Pending) -> bool:
    return pending.item.state is State.WAITING
