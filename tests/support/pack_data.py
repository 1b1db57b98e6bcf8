"""Series of everything that the packs read, as the collectors and the SDK tell them, and what dashboards ask of them.

A pack's series stand in `SERIES` in promtool's notation: a value a minute, 40 minutes long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from anyascope import packs

AT_S = 40 * 60.0  # when the expressions are asked
REPLACED = {"__rate_interval": "5m", "__interval": "1m", "__range": "30m"}
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_METRIC = re.compile(r"\b(?:anya_|bitcoin_)\w+")

_HSM = 'job="hsm",instance="core",hsm="core",provider="softhsm"'
_TOKEN = f'{_HSM},token="vault",serial="1"'
_NODE = 'job="bitcoin",instance="a:8332",chain="main",node="a"'
_WALLET = f'{_NODE},wallet="hot"'
_CUSTODY = 'chain="main",wallet="hot"'
_APP = 'job="custody",instance="a:1",provider="softhsm"'


def _durations(labels: str) -> str:
    name = "anya_hsm_operation_duration_seconds"
    counts = (("0.1", 3), ("0.5", 4), ("1", 5), ("+Inf", 5))
    buckets = "\n".join(f'{name}_bucket{{{labels},le="{le}"}} 0+{count}x40' for le, count in counts)
    return f"{buckets}\n{name}_sum{{{labels}}} 0+1x40\n{name}_count{{{labels}}} 0+5x40"


def _by_direction(name: str, values: str) -> str:
    return "\n".join(f'{name}{{{_WALLET},direction="{way}"}} {values}' for way in ("deposit", "withdrawal"))


SERIES: Mapping[str, str] = {
    "bitcoin": f"""
up{{{_NODE}}} 1x40
bitcoin_uptime{{{_NODE}}} 7000+60x40
anya_bitcoin_initial_download{{{_NODE}}} 0x40
anya_bitcoin_settled{{{_NODE}}} 1x40
bitcoin_blocks{{{_NODE}}} 900000+1x40
anya_bitcoin_block_height{{{_NODE}}} 900000+1x40
anya_bitcoin_headers{{{_NODE}}} 900000+1x40
anya_bitcoin_warnings{{{_NODE}}} 0x40
anya_bitcoin_behind_blocks{{{_NODE}}} 0x40
anya_bitcoin_tip_lag_seconds{{{_NODE}}} 0x40
anya_bitcoin_tip_age_seconds{{{_NODE}}} 300x40
anya_bitcoin_tip_gap_probability{{{_NODE}}} 0.6x40
anya_bitcoin_block_spacing_seconds{{{_NODE}}} 600x40
anya_bitcoin_branch_blocks{{{_NODE}}} 0x40
anya_bitcoin_nodes_on_another_branch{{{_NODE}}} 0x40
anya_bitcoin_reorgs_total{{{_NODE}}} 0x40
anya_bitcoin_reorg_depth_blocks{{{_NODE}}} 1x40
anya_bitcoin_reorg_timestamp_seconds{{{_NODE}}} 60x40
anya_bitcoin_reorg_fork_height{{{_NODE}}} 900000x40
anya_bitcoin_median_time_seconds{{{_NODE}}} 0x40
bitcoin_hashps{{{_NODE}}} 9e20x40
bitcoin_latest_block_weight{{{_NODE}}} 3990000x40
bitcoin_verification_progress{{{_NODE}}} 1x40
bitcoin_size_on_disk{{{_NODE}}} 700000000000+2000000x40
bitcoin_mempool_usage{{{_NODE}}} 90000000x40
anya_bitcoin_mempool_max_bytes{{{_NODE}}} 300000000x40
anya_bitcoin_mempool_size{{{_NODE}}} 20000x40
bitcoin_mempool_unbroadcast{{{_NODE}}} 0x40
bitcoin_peers{{{_NODE}}} 60x40
bitcoin_conn_out{{{_NODE}}} 10x40
bitcoin_conn_in{{{_NODE}}} 50x40
anya_bitcoin_peer_groups_outbound{{{_NODE}}} 10x40
anya_bitcoin_network_active{{{_NODE}}} 1x40
bitcoin_total_bytes_sent{{{_NODE}}} 0+1000x40
bitcoin_total_bytes_recv{{{_NODE}}} 0+1000x40
anya_bitcoin_time_offset_seconds{{{_NODE}}} 0x40
anya_bitcoin_banned{{{_NODE}}} 3x40
anya_bitcoin_rpc_longest_call_seconds{{{_NODE}}} 0x40
anya_bitcoin_tips_unannounced_total{{{_NODE}}} 0x40
anya_bitcoin_wrong_chain{{{_NODE},found="main"}} 0x40
anya_bitcoin_node_info{{{_NODE},subversion="/Satoshi:30.2.0/"}} 1x40
anya_bitcoin_chain_tips{{{_NODE},status="valid-fork"}} 3x40
anya_bitcoin_chain_tips{{{_NODE},status="invalid"}} 0x40
anya_bitcoin_index_synced{{{_NODE},index="txindex"}} 1x40
anya_bitcoin_index_height{{{_NODE},index="txindex"}} 900000x40
anya_bitcoin_mempool_rate_vbytes{{{_NODE},from_sat_per_vb="1"}} 5000x40
anya_bitcoin_fee_estimate_sat_per_vb{{{_NODE},target_blocks="3"}} 8x40
anya_bitcoin_fee_estimate_sat_per_vb{{{_NODE},target_blocks="6"}} 6x40
anya_bitcoin_fee_min_sat_per_vb{{{_NODE},kind="mempool"}} 1x40
anya_bitcoin_fee_min_sat_per_vb{{{_NODE},kind="relay"}} 1x40
anya_bitcoin_latest_block_fee_sat_per_vb{{{_NODE},percentile="50"}} 5x40
anya_bitcoin_peer_connections{{{_NODE},network="ipv4",direction="out"}} 10x40
anya_bitcoin_peer_ping_seconds{{{_NODE},statistic="median"}} 0.1x40
anya_bitcoin_peer_programs{{{_NODE},program="Satoshi:29"}} 40x40
anya_bitcoin_rpc_calls_total{{{_NODE},method="getblockchaininfo",code="ok"}} 0+40x40
anya_bitcoin_rpc_calls_total{{{_NODE},method="getblockchaininfo",code="timeout"}} 0+1x40
anya_bitcoin_zmq_messages_total{{{_NODE},topic="hashblock"}} 0+1x40
anya_bitcoin_log_lines_total{{{_NODE},level="error"}} 0x40
anya_bitcoin_zmq_lost_total{{{_NODE},topic="hashblock"}} 0x40
anya_bitcoin_rpc_duration_seconds_bucket{{{_NODE},method="getblockchaininfo",le="0.05"}} 0+30x40
anya_bitcoin_rpc_duration_seconds_bucket{{{_NODE},method="getblockchaininfo",le="1"}} 0+40x40
anya_bitcoin_rpc_duration_seconds_bucket{{{_NODE},method="getblockchaininfo",le="+Inf"}} 0+40x40
""",
    "wallets": f"""
anya_bitcoin_settled{{{_NODE}}} 1x40
anya_custody_unmatched_spend{{{_CUSTODY},txid="aa",lacks="request"}} 1x40
anya_custody_unmatched_spend_sats{{{_CUSTODY},txid="aa"}} 90000x40
anya_custody_unmatched_spends{{{_CUSTODY}}} 1x40
anya_custody_waiting_spends{{{_CUSTODY}}} 1x40
anya_custody_spends_total{{{_CUSTODY},result="matched"}} 0+1x40
anya_custody_spends_total{{{_CUSTODY},result="unmatched"}} 0+1x40
anya_custody_spends_total{{{_CUSTODY},result="late"}} 0+1x40
wallet:floor_sats{{chain="main",wallet="hot"}} 1000x40
wallet:ceiling_sats{{chain="main",wallet="hot"}} 900000x40
anya_bitcoin_wallet_loaded{{{_WALLET}}} 1x40
anya_bitcoin_wallet_funds_sats{{{_WALLET},state="trusted"}} 500000x40
anya_bitcoin_wallet_funds_sats{{{_WALLET},state="pending"}} 7000x40
anya_bitcoin_wallet_utxos{{{_WALLET}}} 60x40
anya_bitcoin_wallet_utxos_age_seconds{{{_WALLET}}} 10x40
anya_bitcoin_wallet_utxo_sats_bucket{{{_WALLET},le="1000"}} 2x40
anya_bitcoin_wallet_utxo_sats_bucket{{{_WALLET},le="+Inf"}} 60x40
anya_bitcoin_wallet_dust_utxos{{{_WALLET}}} 2x40
anya_bitcoin_wallet_spend_cost_sats{{{_WALLET}}} 4000x40
anya_bitcoin_wallet_fee_rate_sat_per_vb{{{_WALLET}}} 3x40
anya_bitcoin_wallet_consolidation_advised{{{_WALLET}}} 1x40
anya_bitcoin_wallet_consolidation_cost_sats{{{_WALLET}}} 4000x40
anya_bitcoin_wallet_consolidation_saving_sats{{{_WALLET}}} 9000x40
anya_bitcoin_wallet_keypool_size{{{_WALLET}}} 1000x40
anya_bitcoin_wallet_stuck_transactions{{{_WALLET}}} 1x40
anya_bitcoin_wallet_stuck_transaction_blocks{{{_WALLET},txid="bb"}} 9x40
anya_bitcoin_wallet_replaced_total{{{_WALLET}}} 0+1x40
anya_bitcoin_wallet_conflicted_total{{{_WALLET}}} 0+1x40
anya_bitcoin_wallet_abandoned_total{{{_WALLET}}} 0+1x40
{_by_direction("anya_bitcoin_wallet_unconfirmed_transactions", "2x40")}
{_by_direction("anya_bitcoin_wallet_unconfirmed_oldest_blocks", "3x40")}
{_by_direction("anya_bitcoin_wallet_transactions_total", "0+1x40")}
{_by_direction("anya_bitcoin_wallet_moved_sats_total", "0+5000x40")}
{_by_direction("anya_bitcoin_wallet_reorged_transactions_total", "0+1x40")}
{_by_direction("anya_bitcoin_wallet_reopened_transactions", "1x40")}
anya_bitcoin_wallet_reopened_transaction_sats{{{_WALLET},direction="deposit",txid="cc"}} 9000x40
anya_bitcoin_wallet_evicted_transactions{{{_WALLET}}} 0x40
{_by_direction("anya_bitcoin_wallet_movement_score", "4x40")}
{_by_direction("anya_bitcoin_wallet_unusual_movement", "1x40")}
anya_bitcoin_wallet_ended_transaction_sats{{{_WALLET},direction="withdrawal",outcome="replaced",txid="dd"}} 9000x40
anya_bitcoin_wallet_unusual_transaction_score{{{_WALLET},direction="withdrawal",txid="ee"}} 4x40
""",
    "hsm": f"""
anya_hsm_up{{{_HSM}}} 1x40
anya_hsm_tokens{{{_HSM}}} 1x40
anya_hsm_module_memory_bytes{{{_HSM}}} 30000000x40
anya_hsm_login_held{{{_HSM}}} 0x40
anya_hsm_canary_success{{{_HSM},operation_type="canary_sign"}} 1x40
anya_hsm_canary_last_success_timestamp_seconds{{{_HSM},operation_type="canary_sign"}} 0+60x40
anya_hsm_call_late_seconds{{{_HSM},call="canary_sign"}} 0x40
anya_hsm_pin_state{{{_TOKEN},state="ok"}} 1x40
anya_hsm_pin_state{{{_TOKEN},state="locked"}} 0x40
anya_hsm_so_pin_state{{{_TOKEN},state="ok"}} 1x40
anya_hsm_so_pin_state{{{_TOKEN},state="locked"}} 0x40
anya_hsm_key_present{{{_HSM},label="withdrawals"}} 0x40
anya_hsm_keys{{{_HSM},class="private",key_type="EC"}} 3x40
anya_hsm_keys_change{{{_TOKEN},class="private",key_type="EC"}} 1x40
anya_hsm_key_replaced{{{_HSM},label="withdrawals"}} 0x40
anya_hsm_firmware_changed{{{_TOKEN}}} 0x40
anya_hsm_token_replaced{{{_TOKEN}}} 0x40
anya_hsm_calls_hung_total{{{_HSM}}} 0+1x40
anya_hsm_sessions{{{_TOKEN},kind="all"}} 10+1x40
anya_hsm_sessions_max{{{_TOKEN},kind="all"}} 100x40
anya_hsm_sessions_exhausted_in_seconds{{{_HSM}}} 3000x40
anya_hsm_session_leak_suspect{{{_HSM},command="signer",pid="41"}} 1x40
anya_hsm_client_open_files{{{_HSM},command="signer"}} 20+1x40
anya_hsm_token_memory_free_bytes{{{_TOKEN},area="private"}} 5000x40
anya_hsm_token_memory_bytes{{{_TOKEN},area="private"}} 8000x40
anya_hsm_token_info{{{_TOKEN},slot="0",manufacturer="m",model="v2",firmware="2.6",hardware="2.6"}} 1x40
anya_hsm_mechanisms_lost{{{_TOKEN}}} 1x40
anya_hsm_mechanism_lost{{{_TOKEN},mechanism="ECDSA"}} 1x40
anya_hsm_mechanisms_gained{{{_TOKEN}}} 1x40
anya_hsm_mechanism_gained{{{_TOKEN},mechanism="AES_KEY_WRAP"}} 1x40
anya_hsm_certificate_expiry_timestamp_seconds{{{_HSM},subject="CN=core",serial="1f"}} 500000x40
anya_hsm_operations_total{{{_HSM},operation_type="canary_sign",status="success"}} 0+4x40
anya_hsm_operations_total{{{_APP},operation_type="sign",status="success"}} 0+9x40
anya_hsm_operations_total{{{_APP},operation_type="sign",status="error"}} 0+1x40
anya_hsm_errors_total{{{_APP},error_type="pin_incorrect"}} 0+1x40
anya_hsm_errors_total{{{_HSM},error_type="timeout",return_code=""}} 0+1x40
{_durations(f'{_HSM},operation_type="canary_sign"')}
{_durations(f'{_APP},operation_type="sign"')}
""",
}


def script(*names: str) -> str:
    """The series of these packs as a script of Prometheus' PromQL tests."""
    lines = [line for name in names for line in SERIES[name].splitlines() if line]
    return "\n".join(["load 1m", *(f"  {line}" for line in lines)])


def dashboard_of(name: str) -> dict[str, Any]:
    """The pack's dashboard."""
    found = json.loads(packs.pack(name).dashboard)
    assert isinstance(found, dict)
    return found


def panels_of(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its panels but for the headings of rows."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def asked(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(panel's title, expression) of each query, with every variable replaced as Grafana does where all is chosen."""
    own = {each["name"]: ".*" for each in dashboard["templating"]["list"]}
    known = {**own, **REPLACED}
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            expr = _VARIABLE.sub(lambda found: known[found.group(1) or found.group(2)], target["expr"])
            yield panel["title"], expr


def metrics_in(text: str) -> set[str]:
    """The names of our metrics in an expression."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in _METRIC.findall(text)}
