"""The money trace: one custody operation is one trace, over hours, processes and restarts.

with custody_operation("withdrawal", wallet_id="hot", amount_sats=50_000, confirmations_wanted=3) as operation:
    row.context = operation.context
    with operation.step("policy"):
        check(row)

with resume_custody_operation(row.context) as operation:     # another process, hours later
    with operation.step("signing"), trace_hsm_operation("sign", "withdrawals", "softhsm"):
        sign(row)
    row.context = operation.context

resume_custody_operation(row.context).confirmed(3, block_height=800_000, block_hash=block)
"""

from anyascope.sdk.custody.beginning import custody_operation, resume_custody_operation
from anyascope.sdk.custody.course import OUTCOMES
from anyascope.sdk.custody.operation import CustodyOperation
from anyascope.sdk.custody.steps import CustodyStep

__all__ = ["OUTCOMES", "CustodyOperation", "CustodyStep", "custody_operation", "resume_custody_operation"]
