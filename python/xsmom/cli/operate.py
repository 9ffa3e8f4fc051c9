"""`xsmom kill|flatten|pause|resume|release|rearm|reconcile|classify|stop`: what an operator may ask of the trader.

Each leaves a command in the state folder; the running process takes it in within half a second, and one that is
started later takes it in first of all.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xsmom.cli.choice import Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, ago

if TYPE_CHECKING:
    from xsmom.domain.events import Command

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the journal.")]
Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="A name as the exchange writes it, such as BTCUSDT.")]

_WAIT_S = 10.0
_ANSWERS = 20
"""So many of the newest refusals are looked at for the one to a command."""

kill_app = typer.Typer()
flatten_app, pause_app, resume_app, release_app = (typer.Typer() for _ in range(4))
rearm_app, reconcile_app, classify_app, stop_app = (typer.Typer() for _ in range(4))


@kill_app.command()
def activate(
    reason: Reason,
    flatten: Annotated[
        bool | None, typer.Option("--flatten/--freeze", help="Close everything, or leave it as it is.")
    ] = None,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
) -> None:
    """Stop trading, now and after every restart, until it is deactivated.

    Entries are taken back at once. With --flatten both legs are closed together at a bounded price, and by
    market orders after risk.kill_switch.market_after_seconds; with --freeze positions and their stops stay.

    \b
    Examples:
      xsmom kill activate --reason "exchange behaves oddly" --freeze
      xsmom kill activate --reason "get me out" --flatten
    """
    from xsmom.domain.events import Command

    if flatten is None:
        resolved = Trader.of(config, mode, overrides).config
        flatten = resolved.value("risk.kill_switch.on_activate") == "flatten"
    _give(Command.KILL, config, mode, overrides, reason, {"flatten": "yes" if flatten else "no"})


@kill_app.command()
def deactivate(
    reason: Reason, config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None
) -> None:
    """Let the trader trade again; remove the stop file first, where there is one.

    \b
    Examples:
      xsmom kill deactivate --reason "looked at it, all well"
    """
    from xsmom.domain.events import Command
    from xsmom.errors import StateError

    stop_file = Trader.of(config, mode, overrides).stop_file
    if stop_file.exists():
        raise StateError(f"{stop_file} is there and would activate the switch again at once: remove it first")
    _give(Command.KILL_CLEAR, config, mode, overrides, reason)


@kill_app.command()
def status(config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None) -> None:
    """Say whether the kill switch is active, as the trader last told.

    \b
    Examples:
      xsmom kill status
    """
    trader = Trader.of(config, mode, overrides)
    beat, stop_file = trader.heartbeat(), trader.stop_file
    if stop_file.exists():
        print(f"{stop_file} is there: the switch is active as soon as a trader runs")
    if beat is None:
        print("no trader of this configuration has told anything yet")
        return
    state = "ACTIVE" if beat.kill else "not active"
    print(f"kill switch {state}, as told {ago(trader.silent_s(beat))} (mode {beat.mode})")


@flatten_app.command()
def flatten(
    reason: Reason,
    symbol: Annotated[
        str | None,
        typer.Argument(
            metavar="[SYMBOL]", help="Close this position alone; it is then held by hand.", show_default=False
        ),
    ] = None,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
) -> None:
    """Close every position, and wait flat until `xsmom resume`; or one position, until `xsmom release SYMBOL`.

    \b
    Examples:
      xsmom flatten --reason "away for a week"
      xsmom flatten BTCUSDT --reason "news of the issuer"
    """
    from xsmom.domain.events import Command

    args = {} if symbol is None else {"symbol": symbol.upper()}
    _give(Command.FLATTEN, config, mode, overrides, reason, args)


@pause_app.command()
def pause(
    reason: Reason, config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None
) -> None:
    """Enter nothing until `xsmom resume`; exits and stops go on.

    \b
    Examples:
      xsmom pause --reason "central bank speaks at two"
    """
    from xsmom.domain.events import Command

    _give(Command.PAUSE, config, mode, overrides, reason)


@resume_app.command()
def resume(
    reason: Reason = "", config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None
) -> None:
    """Trade again after `xsmom pause` or `xsmom flatten`.

    \b
    Examples:
      xsmom resume
    """
    from xsmom.domain.events import Command

    _give(Command.RESUME, config, mode, overrides, reason)


@release_app.command()
def release(
    symbol: Symbol, config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None
) -> None:
    """Give a name that you traded by hand back to the trader.

    \b
    Examples:
      xsmom release BTCUSDT
    """
    from xsmom.domain.events import Command

    _give(Command.RELEASE, config, mode, overrides, "", {"symbol": symbol.upper()})


@rearm_app.command()
def rearm(
    guard: Annotated[
        Literal["drawdown", "longterm_drawdown"], typer.Argument(metavar="GUARD", help="The latched guard.")
    ],
    reason: Reason,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
) -> None:
    """Let a latched drawdown guard go; its high starts anew at the value of now.

    \b
    Examples:
      xsmom rearm drawdown --reason "strategy reviewed, size halved"
    """
    from xsmom.domain.events import Command

    _give(Command.REARM, config, mode, overrides, reason, {"guard": guard})


@reconcile_app.command()
def reconcile(config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None) -> None:
    """Compare the book with the exchange now; what was found is in the log and in `xsmom status`.

    \b
    Examples:
      xsmom reconcile
    """
    from xsmom.domain.events import Command

    _give(Command.RECONCILE, config, mode, overrides, "")


@classify_app.command()
def classify(
    amount_usdt: Annotated[float, typer.Argument(metavar="USDT", help="What of the wallet's change this explains.")],
    kind: Annotated[
        Literal["transfer", "result"], typer.Option("--as", help="Money moved by you, or earned and lost.")
    ] = "transfer",
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
) -> None:
    """Say what an unexplained change of the wallet was, so that entries are free again.

    Deposits and withdrawals are read from the exchange: this is for what the exchange does not list, or lists as its
    own doing. `xsmom ledger` shows what is unexplained; the amount may be a part of it.

    \b
    Examples:
      xsmom classify 500
      xsmom classify --as result -- -12.5
    """
    from xsmom.domain.events import Command

    _give(Command.CLASSIFY, config, mode, overrides, "", {"amount_usdt": repr(amount_usdt), "kind": kind})


@stop_app.command()
def stop(
    flatten: Annotated[
        bool, typer.Option("--flatten/--keep", help="Close everything first, or leave positions and their stops.")
    ] = False,
    reason: Reason = "",
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
) -> None:
    """End the trader in order: working orders are taken back, stops on the exchange stay.

    \b
    Examples:
      xsmom stop --keep
      xsmom stop --flatten --reason "moving to another account"
    """
    from xsmom.domain.events import Command

    _give(Command.STOP_FLATTEN if flatten else Command.STOP_KEEP, config, mode, overrides, reason)
    if not flatten and mode == "live":
        _warn_of_watchdog(Trader.of(config, mode, overrides))


def _warn_of_watchdog(trader: Trader) -> None:
    """To a watchdog an orderly end is a silence like any other."""
    from xsmom.live.watchdog.sign import read_sign

    sign = read_sign(trader.state_dir)
    if sign is not None and sign.is_alive(time.time_ns() // 1_000_000):
        after = trader.config.written.risk.watchdog_flatten_after_minutes
        print(
            f"a watchdog is alive (process {sign.pid}): it closes what is kept after {after} min without a trader; "
            "stop it first, if positions are to stay longer"
        )


def _give(
    command: Command,
    config: str,
    mode: str,
    overrides: list[str] | None,
    reason: str,
    args: dict[str, str] | None = None,
) -> None:
    """Leave the command, and wait a moment to see whether somebody takes it."""
    from xsmom.errors import StateError
    from xsmom.live.control import write_command

    trader = Trader.of(config, mode, overrides)
    beat = trader.heartbeat()
    path = write_command(trader.state_dir, command, by=f"{getpass.getuser()} by command line", reason=reason, args=args)
    if beat is None or trader.silent_s(beat) > trader.silent_max_s:
        print(
            f"{command.value}: left in {path.parent}; no trader has told anything lately, the next start takes it first"
        )
        return
    until = time.monotonic() + _WAIT_S
    while path.exists() and time.monotonic() < until:
        time.sleep(0.1)
    if path.exists():
        print(f"{command.value}: left in {path.parent}, not taken within {_WAIT_S:g} s: look at the trader's log")
        raise typer.Exit(1)
    refusal = _refusal(trader, path.stem)
    if refusal:
        raise StateError(f"{command.value} was refused: {refusal}")
    print(f"{command.value}: taken")


def _refusal(trader: Trader, letter: str) -> str:
    """Why the engine refused this very command; nothing where it did not. The file goes once the answer is kept."""
    with trader.looking() as reader:
        for told in reversed(reader.notes(name="command.refused", count=_ANSWERS)):
            args = told.note.fields.get("args")
            if isinstance(args, Mapping) and args.get("id") == letter:
                return str(told.note.fields.get("why", ""))
    return ""
