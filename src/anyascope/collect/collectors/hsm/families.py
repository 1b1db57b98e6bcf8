"""What was seen of an HSM, as families of points. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from cryptography import x509

from anyascope.collect.collectors.hsm.clients import Client
from anyascope.collect.collectors.hsm.nouns import Inventory, ModuleSight, PinState, Sight, TokenSight
from anyascope.collect.points import Family, counter, gauge
from anyascope.model.metrics import MetricType

_SESSIONS = {"sessions": "all", "rw_sessions": "read_write"}
_AREAS = ("public", "private")
SO_PIN_STATES = tuple(state for state in PinState if state is not PinState.UNINITIALIZED)  # no token says that of it
SUSPECTS_MAX = 10  # a pool of workers; each is a series with its pid
MECHANISMS_NAMED_MAX = 500  # lost or gained; a module knows about 100


def sight_families(sight: Sight) -> list[Family]:
    """Slots, tokens and what they say of themselves."""
    info = Family("anya_hsm_info", MetricType.GAUGE, "The module or signer.")
    info.add(1.0, ("library", sight.library), ("library_version", sight.library_version))
    tokens = Family("anya_hsm_token_info", MetricType.GAUGE, "A token that is present.")
    state = Family("anya_hsm_pin_state", MetricType.GAUGE, "1 for the state of the user's PIN, 0 for all others.")
    so_state = Family(
        "anya_hsm_so_pin_state", MetricType.GAUGE, "1 for the state of the security officer's PIN, 0 for all others."
    )
    for token in sight.tokens:
        own = _own(token)
        tokens.add(
            1.0,
            *own,
            ("slot", token.slot),
            ("manufacturer", token.manufacturer),
            ("model", token.model),
            ("firmware", token.firmware),
            ("hardware", token.hardware),
        )
        for known in PinState if token.pin is not None else ():
            state.add(float(token.pin is known), *own, ("state", known.value))
        for known in SO_PIN_STATES if token.so_pin is not None else ():
            so_state.add(float(token.so_pin is known), *own, ("state", known.value))
    return [
        info,
        gauge("anya_hsm_slots", "Slots, with or without a token.", float(sight.slots)),
        gauge("anya_hsm_tokens", "Tokens that are present and initialized.", float(len(sight.tokens))),
        gauge("anya_hsm_login_held", "1 where no PIN is sent, so that none is locked.", float(bool(sight.login_held))),
        tokens,
        state,
        so_state,
        *_count_families(sight.tokens),
        *(_module_families(sight.module) if sight.module is not None else []),
    ]


def _module_families(module: ModuleSight) -> list[Family]:
    memory = gauge(
        "anya_hsm_module_memory_bytes", "Memory of the process with the library.", float(module.memory_bytes)
    )
    files = gauge("anya_hsm_module_open_files", "Files and sockets it holds open.", float(module.open_files))
    starts = counter("anya_hsm_module_starts_total", "How often it was started.", float(module.starts))
    return [*([memory] if module.memory_bytes else []), *([files] if module.open_files else []), starts]


def _count_families(tokens: Sequence[TokenSight]) -> list[Family]:
    sessions = Family("anya_hsm_sessions", MetricType.GAUGE, "Open sessions of all applications.")
    limits = Family("anya_hsm_sessions_max", MetricType.GAUGE, "How many sessions there may be.")
    free = Family("anya_hsm_token_memory_free_bytes", MetricType.GAUGE, "Memory of the token that is free.")
    total = Family("anya_hsm_token_memory_bytes", MetricType.GAUGE, "Memory of the token.")
    for token in tokens:
        own, counts = _own(token), token.counts
        for name, kind in _SESSIONS.items():
            _add_known(sessions, counts, name, (*own, ("kind", kind)))
            _add_known(limits, counts, f"{name}_max", (*own, ("kind", kind)))
        for area in _AREAS:
            _add_known(free, counts, f"{area}_free", (*own, ("area", area)))
            _add_known(total, counts, f"{area}_total", (*own, ("area", area)))
    return [sessions, limits, free, total]


def inventory_families(
    inventory: Inventory, accepted: Collection[tuple[str, str]] = ()
) -> tuple[list[Family], tuple[str, ...]]:
    """Keys and certificates, and what could not be read, one sentence each.

    Args:
        accepted: classes and types of keys that are told with 0 where there are none.
    """
    keys = Family("anya_hsm_keys", MetricType.GAUGE, "Keys on the token.")
    for kind, name in sorted({*inventory.keys, *accepted}):
        keys.add(float(inventory.keys.get((kind, name), 0)), ("class", kind), ("key_type", name))
    labels = Family("anya_hsm_key_present", MetricType.GAUGE, "Keys that carry a label of `key_labels`.")
    for label, count in sorted(inventory.labels.items()):
        labels.add(float(count), ("label", label))
    expiry = Family(
        "anya_hsm_certificate_expiry_timestamp_seconds", MetricType.GAUGE, "When a certificate on the token ends."
    )
    unread = 0
    for subject, serial, ends_s in map(_expiry, dict.fromkeys(inventory.certificates)):
        if serial:
            expiry.add(ends_s, ("subject", subject), ("serial", serial))
        else:
            unread += 1
    active = gauge(
        "anya_hsm_active_keys",
        "Keys that can sign or decrypt, so all but public ones.",
        float(sum(count for (kind, _), count in inventory.keys.items() if kind != "public")),
    )
    return [keys, labels, expiry, active], ((f"{unread} certificates cannot be read",) if unread else ())


def mechanism_families(token: TokenSight, first: frozenset[str]) -> list[Family]:
    """How many mechanisms there are, and which were lost or gained against those accepted."""
    if not token.mechanisms and not first:
        return []
    own = _own(token)
    families = [gauge("anya_hsm_mechanisms", "Mechanisms of the token.", float(len(token.mechanisms)), *own)]
    for change, names in (("lost", first - token.mechanisms), ("gained", token.mechanisms - first)):
        families.append(
            gauge(
                f"anya_hsm_mechanisms_{change}", f"Mechanisms {change} against those accepted.", float(len(names)), *own
            )
        )
        named = Family(
            f"anya_hsm_mechanism_{change}", MetricType.GAUGE, f"A mechanism {change} against those accepted."
        )
        for name in sorted(names)[:MECHANISMS_NAMED_MAX]:
            named.add(1.0, *own, ("mechanism", name))
        families.append(named)
    return families


def client_families(clients: Sequence[Client], leak: Sequence[Client], exhausted_in_s: float | None) -> list[Family]:
    """Who has the module loaded, who may leak sessions, and when there are none left."""
    processes = Family("anya_hsm_client_processes", MetricType.GAUGE, "Processes that have the module loaded.")
    files = Family("anya_hsm_client_open_files", MetricType.GAUGE, "Files and sockets that they hold open.")
    for command, count in sorted(Counter(client.command for client in clients).items()):
        processes.add(float(count), ("command", command))
        held = sum(client.open_files for client in clients if client.command == command)
        files.add(float(held), ("command", command))
    families = [processes, files]
    if exhausted_in_s is not None:
        text = "Seconds until there is no session left, where sessions leak."
        families.append(gauge("anya_hsm_sessions_exhausted_in_seconds", text, exhausted_in_s))
        named = Family("anya_hsm_session_leak_suspect", MetricType.GAUGE, "A process that may leak sessions.")
        for client in leak[:SUSPECTS_MAX]:
            named.add(1.0, ("command", client.command), ("pid", str(client.pid)), ("user", client.user))
        families.append(named)
    return families


def _own(token: TokenSight) -> tuple[tuple[str, str], ...]:
    return (("token", token.label), ("serial", token.serial))


def _add_known(family: Family, counts: Mapping[str, int], name: str, labels: tuple[tuple[str, str], ...]) -> None:
    if name in counts:
        family.add(float(counts[name]), *labels)


def _expiry(der: bytes) -> tuple[str, str, float]:
    """Subject, serial number and end in Unix time; an empty serial where it is no certificate."""
    try:
        found = x509.load_der_x509_certificate(der)
        return found.subject.rfc4514_string(), f"{found.serial_number:x}", found.not_valid_after_utc.timestamp()
    except ValueError:
        return "", "", 0.0
