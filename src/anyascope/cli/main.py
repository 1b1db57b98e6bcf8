"""`anyascope`: the commands, and how a run of one ends.

Exit codes: 0 well; 1 what was looked at is not well (`doctor`, `test`); 2 the command could not do its work: bad
input, a broken configuration, no server; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from anyascope.cli import (
    alerts,
    answers,
    backtest,
    bitcoin,
    cardinality,
    check,
    correlate,
    demo,
    doctor,
    hsm,
    init,
    journal,
    logs,
    notify,
    packs,
    promql_tests,
    query,
    route,
    rule_tests,
    silence,
    spends,
    template,
    traces,
    up,
)
from anyascope.cli.session import Session
from anyascope.cli.terminal import ReaderLeftError, clean
from anyascope.errors import AnyascopeError

EXIT_FAILED = 2
EXIT_FAULT = 70  # a fault of ours; EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
DEFAULT_SERVER = "http://127.0.0.1:9470"

app = typer.Typer(
    name="anyascope",
    help="Metrics, traces, logs, health and alerting for Bitcoin and HSM custody, in one process.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("init")(init.init)
app.command("demo")(demo.demo)
app.add_typer(check.app, name="check")
rule_tests.app.command("promql")(promql_tests.promql)
app.add_typer(rule_tests.app, name="test")
app.add_typer(backtest.app, name="backtest")
app.command("query")(query.query)
app.command("cardinality")(cardinality.cardinality)
app.add_typer(cardinality.app, name="series")
app.command("logs")(logs.logs)
app.command("traces")(traces.traces)
app.command("correlate")(correlate.correlate)
app.add_typer(alerts.app, name="alerts")
app.command("ack")(answers.ack)
app.command("escalate")(answers.escalate)
app.command("journal")(journal.journal)
app.add_typer(route.app, name="route")
app.add_typer(template.app, name="template")
app.add_typer(silence.app, name="silence")
app.command("nodes", epilog=bitcoin.NODES_EXAMPLES)(bitcoin.nodes)
app.command("wallets", epilog=bitcoin.WALLETS_EXAMPLES)(bitcoin.wallets)
app.command("transactions", epilog=bitcoin.TRANSACTIONS_EXAMPLES)(bitcoin.transactions)
app.add_typer(hsm.app, name="hsm")
app.add_typer(spends.app, name="spends")
app.add_typer(notify.app, name="notify")
app.add_typer(packs.app, name="packs")
app.command("doctor")(doctor.doctor)
app.command("status", hidden=True)(doctor.doctor)


def _leave_with_version(is_asked: bool) -> None:
    if is_asked:
        version()
        raise typer.Exit


@app.callback()
def session(
    context: typer.Context,
    server: Annotated[
        str, typer.Option("--server", envvar="ANYASCOPE_SERVER", help="Address of the server to ask.", metavar="URL")
    ] = DEFAULT_SERVER,
    token: Annotated[
        str,
        typer.Option("--token", envvar="ANYASCOPE_TOKEN", help="Where the server asks for one.", show_default=False),
    ] = "",
    version: Annotated[  # noqa: ARG001  # its callback prints it and leaves
        bool, typer.Option("--version", help="Print the version.", callback=_leave_with_version, is_eager=True)
    ] = False,
) -> None:
    """Remember which server the command asks."""
    context.obj = Session(server, token)


@app.command("version")
def version() -> None:
    """Print the version."""
    from anyascope import __version__

    print(f"anyascope {__version__}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. What went wrong is told in one line on standard error."""
    try:
        code = app(args=arguments, prog_name="anyascope", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, ReaderLeftError):
        # The reader has seen enough. Python would complain of the closed pipe once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the last door: a person gets a line instead of a traceback
        return _explain(error)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    match error:
        case typer.TyperException():
            return _tell_usage(error)
        case AnyascopeError() | OSError():
            return _tell(str(error))
        case _:
            return _tell(f"a fault of anyascope at {_place(error)}: {type(error).__name__}: {error}", code=EXIT_FAULT)


def _tell_usage(error: typer.TyperException) -> int:
    message = error.format_message()
    if message.startswith("Usage:"):  # a command without its arguments: the help is the answer
        print(message, file=sys.stderr)
        return EXIT_FAILED
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "anyascope"
    return _tell(message.rstrip("."), hint=f"see {path} --help")


def _tell(message: str, *, hint: str = "", code: int = EXIT_FAILED) -> int:
    lines = [clean(line) for line in message.splitlines()] or ["failed"]
    print(f"anyascope: {lines[0]}{f' ({hint})' if hint else ''}", file=sys.stderr)
    for line in lines[1:]:
        print(line, file=sys.stderr)
    return code


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"  # noqa: PTH119  # no Path at exit


if __name__ == "__main__":
    main()
