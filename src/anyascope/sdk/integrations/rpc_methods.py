"""What is known of Bitcoin Core's RPC methods: their names, which move coins, and which are given secrets.

Source: `bitcoin-cli help` of Bitcoin Core 0.21 to 30 and of Bitcoin Knots 29.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

SAT_PER_BTC = 100_000_000
NAME = re.compile(r"[a-z][a-z0-9_]{2,47}\Z")  # the longest of Core's has 26 characters
TXID = re.compile(r"[0-9a-f]{64}\Z")

# They take or give passphrases and keys: not even the node's words about them are kept.
_CONFIDENTIAL = """addmultisigaddress createwallet createwalletdescriptor deriveaddresses descriptorprocesspsbt dumpprivkey dumpwallet
    encryptwallet getdescriptorinfo importdescriptors importmulti importprivkey importwallet listdescriptors gethdkeys
    migratewallet sethdseed signmessagewithprivkey signrawtransaction signrawtransactionwithkey upgradewallet
    walletpassphrase walletpassphrasechange addnode setnetworkactive"""
# Their answer is, or contains, the id of a transaction that was sent.
_SENDING = "sendtoaddress sendmany send sendall sendfrom sendrawtransaction bumpfee submitpackage"
_KNOWN_OTHERS = """abandontransaction abortrescan addconnection addpeeraddress analyzepsbt backupwallet clearbanned
    combinepsbt combinerawtransaction converttopsbt createmultisig createpsbt createrawtransaction decodepsbt
    decoderawtransaction decodescript disconnectnode dumptxoutset echo enumeratesigners estimaterawfee estimatesmartfee
    finalizepsbt fundrawtransaction generate generateblock generatetoaddress generatetodescriptor getaddednodeinfo
    getaddressesbylabel getaddressinfo getaddrmaninfo getbalance getbalances getbestblockhash getblock getblockchaininfo
    getblockcount getblockfilter getblockfrompeer getblockhash getblockheader getblockstats getblocktemplate getchainstates
    getchaintips getchaintxstats getconnectioncount getdeploymentinfo getdescriptoractivity getdifficulty getgenerate
    getindexinfo getinfo getmemoryinfo getmempoolancestors getmempooldescendants getmempoolentry getmempoolinfo getmininginfo
    getnettotals getnetworkhashps getnetworkinfo getnewaddress getnodeaddresses getorphantxs getpeerinfo
    getprioritisedtransactions getrawaddrman getrawchangeaddress getrawmempool getrawtransaction getreceivedbyaddress
    getreceivedbylabel getrpcinfo gettransaction gettxout gettxoutproof gettxoutsetinfo gettxspendingprevout
    getunconfirmedbalance getwalletinfo getzmqnotifications help importaddress importmempool importprunedfunds importpubkey
    invalidateblock joinpsbts keypoolrefill listaddressgroupings listbanned listlabels listlockunspent listreceivedbyaddress
    listreceivedbylabel listsinceblock listtransactions listunspent listwalletdir listwallets loadtxoutset loadwallet
    lockunspent logging mockscheduler newkeypool ping preciousblock prioritisetransaction pruneblockchain psbtbumpfee
    reconsiderblock removeprunedfunds rescanblockchain restorewallet savemempool scanblocks scantxoutset setaccount setban
    sethdseed setlabel setmocktime settxfee setwalletflag signmessage signrawtransactionwithwallet simulaterawtransaction
    stop submitblock submitheader syncwithvalidationinterfacequeue testmempoolaccept unloadwallet uptime utxoupdatepsbt
    validateaddress verifychain verifymessage verifytxoutproof waitforblock waitforblockheight waitfornewblock
    walletcreatefundedpsbt walletdisplayaddress walletlock walletprocesspsbt"""
CONFIDENTIAL = frozenset(_CONFIDENTIAL.split())
SENDING = frozenset(_SENDING.split())
KNOWN = CONFIDENTIAL | SENDING | frozenset(_KNOWN_OTHERS.split())


def is_method_name(name: object) -> bool:
    """Whether this can be the name of a node's method, and nothing else."""
    return isinstance(name, str) and NAME.match(name) is not None


def transaction_id(method: str, result: Any) -> str | None:
    """The transaction's id in what a sending method gave; clients that give bytes have the order of the wire."""
    if method not in SENDING:
        return None
    if isinstance(result, dict):
        result = result.get("txid")
    if isinstance(result, bytes) and len(result) == 32:
        result = result[::-1].hex()
    return result if isinstance(result, str) and TXID.match(result) else None


def amount_sats(method: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, in_sats: bool = False) -> int | None:
    """What a sending method is asked to send, where its arguments say so plainly.

    Args:
        method: the method's name.
        args: its parameters in order.
        kwargs: its parameters by name.
        in_sats: amounts are whole sats, as python-bitcoinlib's `Proxy` has them; otherwise bitcoins.
    """
    amounts: list[Any]
    if method == "sendtoaddress":
        amounts = [kwargs.get("amount", args[1] if len(args) > 1 else None)]
    elif method == "sendmany":
        amounts = _values(kwargs.get("amounts", args[1] if len(args) > 1 else None))
    elif method == "send":
        outputs = kwargs.get("outputs", args[0] if args else None)
        amounts = [amount for one in (outputs if isinstance(outputs, list) else [outputs]) for amount in _values(one)]
    else:
        return None
    sats = [_in_sats(amount, in_sats=in_sats) for amount in amounts]
    return sum(known) if sats and len(known := [one for one in sats if one is not None]) == len(sats) else None


def _values(outputs: Any) -> list[Any]:
    return list(outputs.values()) if isinstance(outputs, dict) else [None]


def _in_sats(amount: Any, *, in_sats: bool) -> int | None:
    if isinstance(amount, bool) or not isinstance(amount, int | float | str | Decimal):
        return None
    try:
        sats = Decimal(str(amount)) * (1 if in_sats else SAT_PER_BTC)
        return int(sats) if sats.is_finite() and sats == sats.to_integral_value() and sats >= 0 else None
    except (InvalidOperation, ValueError):
        return None
