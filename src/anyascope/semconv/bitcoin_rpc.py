"""The error codes of a Bitcoin node's RPC, in words for labels.

Source: Bitcoin Core `src/rpc/protocol.h`; JSON-RPC 2.0, section 5.1.
"""

from __future__ import annotations

OTHER = "rpc_error"  # a code that Core does not have
LABELS = {
    -1: "misc_error",
    -2: "forbidden_by_safe_mode",
    -3: "type_error",
    -4: "wallet_error",
    -5: "invalid_address_or_key",
    -6: "insufficient_funds",
    -7: "out_of_memory",
    -8: "invalid_parameter",
    -9: "not_connected",
    -10: "in_initial_download",
    -11: "invalid_label_name",
    -12: "keypool_ran_out",
    -13: "unlock_needed",
    -14: "passphrase_incorrect",
    -15: "wrong_encryption_state",
    -16: "encryption_failed",
    -17: "already_unlocked",
    -18: "wallet_not_found",
    -19: "wallet_not_specified",
    -20: "database_error",
    -22: "deserialization_error",
    -23: "node_already_added",
    -24: "node_not_added",
    -25: "verify_error",
    -26: "verify_rejected",
    -27: "already_in_chain",
    -28: "in_warmup",
    -29: "node_not_connected",
    -30: "invalid_ip_or_subnet",
    -31: "p2p_disabled",
    -32: "method_deprecated",
    -33: "mempool_disabled",
    -34: "node_capacity_reached",
    -35: "wallet_already_loaded",
    -36: "wallet_already_exists",
    -32600: "invalid_request",
    -32601: "method_not_found",
    -32602: "invalid_params",
    -32603: "internal_error",
    -32700: "parse_error",
}


def error_label(code: int) -> str:
    """The code in a word, of a closed set."""
    return LABELS.get(code, OTHER)
