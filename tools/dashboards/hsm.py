"""The dashboard of the pack `hsm`."""

from __future__ import annotations

from dashboards.panels import (
    GREEN,
    ONE_IS_WELL,
    ORANGE,
    RED,
    YELLOW,
    ZERO_IS_WELL,
    Dashboard,
    Row,
    Variable,
    graph,
    stat,
    states,
    table,
)

HSM = 'hsm=~"$hsm"'
UP_OR_DOWN = (("0", "down", RED), ("1", "up", GREEN))
WORKS_OR_NOT = (("0", "fails", RED), ("1", "works", GREEN))
PIN_STATES = ("ok", "low", "final_try", "locked", "to_be_changed", "uninitialized")
PIN_WORDS = (
    ("0", "ok", GREEN),
    ("1", "low", YELLOW),
    ("2", "final try", ORANGE),
    ("3", "locked", RED),
    ("4", "to be changed", YELLOW),
    ("5", "uninitialized", YELLOW),
)
PIN = " or ".join(
    f'sum by (hsm, token) (anya_hsm_pin_state{{{HSM},state="{state}"}} == 1) * {at}'
    for at, state in enumerate(PIN_STATES)
)


def quantile(share: float, selector: str, by: str) -> str:
    """A quantile of how long operations took."""
    rate = f"rate(anya_hsm_operation_duration_seconds_bucket{{{selector}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by ({by}, le) ({rate}))"


NOW = Row(
    "Now",
    (
        stat(
            "HSMs",
            "Whether each HSM answers and its token is present. Down: see the alert's runbook.",
            (f"anya_hsm_up{{{HSM}}}", "{{hsm}}"),
            steps=ONE_IS_WELL,
            words=UP_OR_DOWN,
            nothing="none is watched",
        ),
        stat(
            "Canary",
            "The worst newest canary operation of each HSM: sign and verify, HMAC, encrypt, random.",
            (f"min by (hsm) (anya_hsm_canary_success{{{HSM}}})", "{{hsm}}"),
            steps=ONE_IS_WELL,
            words=WORKS_OR_NOT,
            nothing="no canary runs",
        ),
        stat(
            "Last success",
            "How long ago the oldest of the canary's operations last worked.",
            (f"max by (hsm) (time() - anya_hsm_canary_last_success_timestamp_seconds{{{HSM}}})", "{{hsm}}"),
            unit="s",
            steps=((None, GREEN), (120, YELLOW), (900, RED)),
            nothing="none yet",
        ),
        stat(
            "PIN",
            "State of the user's PIN on each token. Low and final try: somebody entered wrong PINs.",
            (PIN, "{{hsm}} {{token}}"),
            steps=ZERO_IS_WELL,
            words=PIN_WORDS,
            nothing="not told",
        ),
        stat(
            "Sessions taken",
            "Largest share of a token's sessions that are open. At 100 % nobody can log in.",
            (f"max by (hsm) (anya_hsm_sessions{{{HSM}}} / anya_hsm_sessions_max{{{HSM}}})", "{{hsm}}"),
            unit="percentunit",
            steps=((None, GREEN), (0.8, ORANGE), (1, RED)),
            nothing="not told",
        ),
        stat(
            "Keys missing",
            "Labels of `key_labels` that no key on the HSM has.",
            (
                f"count by (hsm) (anya_hsm_key_present{{{HSM}}} == 0) or 0 * sum by (hsm) (anya_hsm_up{{{HSM}}})",
                "{{hsm}}",
            ),
            steps=ZERO_IS_WELL,
        ),
    ),
)

OPERATIONS = Row(
    "Operations",
    (
        states(
            "Canary over time",
            "Each canary operation, as it went. Gaps are times without an answer of the HSM.",
            (f"anya_hsm_canary_success{{{HSM}}}", "{{hsm}} {{operation_type}}"),
            words=WORKS_OR_NOT,
        ),
        graph(
            "Canary latency, p95",
            "95th percentile of the canary's operations within the module. The line is where HsmCanarySlow fires.",
            (quantile(0.95, f'{HSM},operation_type=~"canary_.+"', "hsm, operation_type"), "{{hsm}} {{operation_type}}"),
            unit="s",
            steps=((None, GREEN), (0.5, RED)),
        ),
        graph(
            "Operations of applications",
            "What services do on HSMs, as their SDK tells it, by outcome.",
            (
                'sum by (job, provider, status) (rate(anya_hsm_operations_total{operation_type!~"canary_.+"}[$__rate_interval]))',
                "{{job}} {{provider}} {{status}}",
            ),
            unit="ops",
        ),
        graph(
            "Latency of applications, p95",
            "95th percentile of the services' operations. Slower than the canary: they wait for sessions or locks.",
            (
                quantile(0.95, 'operation_type!~"canary_.+"', "job, provider, operation_type"),
                "{{job}} {{provider}} {{operation_type}}",
            ),
            unit="s",
            steps=((None, GREEN), (0.5, RED)),
        ),
        graph(
            "Errors",
            "Failures of canary and services by kind and PKCS#11 return code.",
            (
                "sum by (job, hsm, provider, error_type, return_code) (rate(anya_hsm_errors_total[$__rate_interval])) > 0",
                "{{job}} {{hsm}} {{error_type}} {{return_code}}",
            ),
            unit="ops",
        ),
        graph(
            "Calls that are late",
            "How long a call has been waited for, and calls that were given up after the timeout.",
            (f"max by (hsm, call) (anya_hsm_call_late_seconds{{{HSM}}})", "{{hsm}} {{call}}, waiting"),
            (f"increase(anya_hsm_calls_hung_total{{{HSM}}}[$__rate_interval])", "{{hsm}}, given up"),
        ),
    ),
)

ROOM = Row(
    "Sessions and memory",
    (
        graph(
            "Open sessions",
            "Sessions of all applications on each token. A line that only climbs is a leak.",
            (f"anya_hsm_sessions{{{HSM}}}", "{{hsm}} {{token}} {{kind}}"),
            width=8,
            is_stepped=True,
        ),
        graph(
            "Sessions run out in",
            "Forecast, while sessions leak. No line is good news.",
            (f"anya_hsm_sessions_exhausted_in_seconds{{{HSM}}}", "{{hsm}}"),
            unit="s",
            width=8,
            steps=((None, GREEN), (3600, RED)),
        ),
        table(
            "Clients that may leak",
            "Processes of this machine that use the HSM while sessions leak. Restart it, then mend it.",
            f"anya_hsm_session_leak_suspect{{{HSM}}}",
            columns=(("hsm", "HSM"), ("command", "Program"), ("pid", "PID"), ("user", "User")),
            value="suspect",
            width=8,
            nothing="no leak",
        ),
        graph(
            "Files that clients hold open",
            "Files and sockets of the processes that have the HSM's library loaded.",
            (f"anya_hsm_client_open_files{{{HSM}}}", "{{hsm}} {{command}}"),
            width=8,
        ),
        graph(
            "Memory of the library's process",
            "What the process takes that has the vendor's library loaded for anyascope. Beyond 512 MiB it starts anew.",
            (f"anya_hsm_module_memory_bytes{{{HSM}}}", "{{hsm}}"),
            unit="bytes",
            width=8,
        ),
        graph(
            "Free memory",
            "Share of each token's memory that is free. A full token takes no new key.",
            (
                f"anya_hsm_token_memory_free_bytes{{{HSM}}} / anya_hsm_token_memory_bytes{{{HSM}}}",
                "{{hsm}} {{token}} {{area}}",
            ),
            unit="percentunit",
            width=8,
            ends_at=(0, 1),
        ),
    ),
)

INVENTORY = Row(
    "What is on it",
    (
        graph(
            "Keys",
            "Keys by class and type. A step that nobody planned is a matter for security.",
            (f"anya_hsm_keys{{{HSM}}}", "{{hsm}} {{class}} {{key_type}}"),
            is_stepped=True,
            width=8,
        ),
        table(
            "Certificates",
            "Certificates on the tokens, and how long they are still good.",
            f"sort(anya_hsm_certificate_expiry_timestamp_seconds{{{HSM}}} - time())",
            columns=(("hsm", "HSM"), ("subject", "Subject"), ("serial", "Serial number")),
            value="ends in",
            unit="s",
            width=8,
            nothing="none",
        ),
        table(
            "Tokens",
            "Tokens that are present, with their firmware.",
            f"anya_hsm_token_info{{{HSM}}}",
            columns=(
                ("hsm", "HSM"),
                ("token", "Token"),
                ("serial", "Serial number"),
                ("model", "Model"),
                ("firmware", "Firmware"),
            ),
            value="present",
            width=8,
        ),
        graph(
            "Changes against what was accepted",
            "Mechanisms and keys more or fewer than when the token's state was accepted. What was meant: `anyascope hsm accept`.",
            (f"anya_hsm_token_replaced{{{HSM}}}", "{{hsm}} {{token}} is another token"),
            (f"anya_hsm_mechanisms_lost{{{HSM}}}", "{{hsm}} {{token}} mechanisms lost"),
            (f"anya_hsm_mechanisms_gained{{{HSM}}}", "{{hsm}} {{token}} mechanisms gained"),
            (f"anya_hsm_keys_change{{{HSM}}}", "{{hsm}} {{class}} {{key_type}} keys"),
            (f"anya_hsm_key_replaced{{{HSM}}}", "{{hsm}} {{label}} is another key"),
            ends_at=(None, None),
            is_stepped=True,
        ),
        graph(
            "Login held back",
            "1 while no PIN is sent, so that none is locked: the configured PIN was refused, or wrong tries are counted.",
            (f"anya_hsm_login_held{{{HSM}}}", "{{hsm}}"),
            is_stepped=True,
            ends_at=(0, 1),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="anyascope-hsm",
    title="HSMs",
    description="Whether HSMs and remote signers sign, how fast, who may exhaust or lock them, and what changed on them.",
    tags=("anyascope", "hsm", "custody"),
    variables=(Variable("hsm", "HSM", "label_values(anya_hsm_up, hsm)"),),
    rows=(NOW, OPERATIONS, ROOM, INVENTORY),
    alerts='component="hsm"',
)
