"""`xsmom watchdog`: a process of its own that watches the trader."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.main import EXIT_FOUND
from xsmom.cli.trader_choice import ConfigFile

if TYPE_CHECKING:
    from xsmom.live.watchdog.process import Watchdog

app = typer.Typer(invoke_without_command=True)


@app.callback()
def watchdog(
    ctx: typer.Context,
    config: ConfigFile = "config.yaml",
    overrides: Overrides = None,
    lapse: Annotated[
        str, typer.Option(help="Shorten all waits by this, as --lapse of the trader; with exchange.base_url only.")
    ] = "1",
    once: Annotated[
        bool, typer.Option("--once", help="One round, with all that it does, for a timer; exit 1 if all is not well.")
    ] = False,
) -> None:
    """Watch the live trader from a process of its own, with a key of its own, until it is stopped.

    Without a new heartbeat for notifications.monitoring.heartbeat_seconds it sets the kill switch, takes orders
    that would open back, tells it, and verifies on the exchange that a stop covers every position. It closes
    everything only if one does not, or after risk.watchdog_flatten_after_minutes. What it cannot read it
    takes for unknown, and does nothing but say so.

    Its key comes from XSMOM__EXCHANGE__WATCHDOG_API_KEY and XSMOM__EXCHANGE__WATCHDOG_API_SECRET: of the traded
    account, another than the trader's, and one that may not withdraw. An orderly end of the trader is a
    silence too: stop the watchdog first, if positions are to stay longer.

    \b
    Examples:
      xsmom watchdog --config config.yaml
      xsmom watchdog --config config.yaml --once
      xsmom watchdog check --config config.yaml
      xsmom watchdog drill
    """
    if ctx.invoked_subcommand is not None:
        return
    from xsmom.cli.start_options import read_speed
    from xsmom.config.load import load_config
    from xsmom.desk.log import NoteLog, configure_logging
    from xsmom.live.watchdog.wiring import watch, watch_once

    resolved = load_config(config, overrides or ())
    configure_logging()
    if once:
        _tell_once(watch_once(resolved, (NoteLog(),)))
        return
    print(f"stopped: {watch(resolved, (NoteLog(),), read_speed(lapse))}")


@app.command()
def check(config: ConfigFile = "config.yaml", overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Look whether a watchdog could do its work here; trades nothing, changes nothing.

    Its key and what it may do, that it sees the trader's account, the heartbeat, that the kill switch could be
    set, every position's stop as the exchange shows it, and whether a watchdog is running. Exit 1 if something
    would keep it from its work.

    \b
    Examples:
      xsmom watchdog check
      xsmom watchdog check --config config.yaml --json
    """
    from xsmom.cli.finding import Status
    from xsmom.cli.output import print_json, print_table
    from xsmom.cli.watchdog_check import run_watchdog_check
    from xsmom.config.load import load_config

    findings = run_watchdog_check(load_config(config, overrides or ()))
    failed = any(row.status is Status.FAIL for row in findings)
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(row) for row in findings]})
    else:
        styles = {Status.OK: None, Status.WARN: "yellow", Status.FAIL: "bold red"}
        rows = [(row.name, row.status.value, row.detail, row.mend) for row in findings]
        print_table(("check", "status", "detail", "mend"), rows, [styles[row.status] for row in findings])
    if failed:
        raise typer.Exit(EXIT_FOUND)


@app.command()
def drill(
    as_json: AsJson = False,
    lapse: Annotated[float, typer.Option(min=1.0, max=600.0, help="How much faster than the wall.")] = 60.0,
) -> None:
    """Rehearse a trader's death on a made-up exchange: what is expected, and what was seen.

    It starts an exchange on this machine, opens five positions with stops through the adapter that trades,
    stops the heartbeat, and lets the watchdog that watches work in time-lapse: all covered, one stop taken
    away, nobody back after an hour, an exchange that cannot be read, a trader that returns, a key that may
    withdraw. Nothing of it reaches a real exchange. Exit 1 where something else than expected was seen.

    \b
    Examples:
      xsmom watchdog drill
      xsmom watchdog drill --lapse 30 --json
    """
    from xsmom.cli.output import print_json, print_table
    from xsmom.cli.watchdog_drill import rehearse

    rows = rehearse(lapse)
    ok = all(row.ok for row in rows)
    if as_json:
        print_json({"ok": ok, "lapse": lapse, "rows": [asdict(row) for row in rows]})
    else:
        table = [(row.scene, row.what, row.expected, row.seen, "ok" if row.ok else "NOT SO") for row in rows]
        styles = [None if row.ok else "bold red" for row in rows]
        print_table(("scene", "what", "expected", "seen", ""), table, styles)
    if not ok:
        raise typer.Exit(EXIT_FOUND)


def _tell_once(done: Watchdog) -> None:
    """In one line how it stands."""
    from xsmom.live.watchdog.sign import read_sign

    sign = read_sign(done.setting.state_dir)
    if sign is None:
        raise typer.Exit(EXIT_FOUND)
    covered = "not known" if sign.coverage_frac is None else f"{sign.coverage_frac:.0%}"
    held = "not known" if sign.positions is None else str(sign.positions)
    print(f"{sign.state}; positions {held}, covered {covered}" + (f"; {sign.blind}" if sign.blind else ""))
    if sign.state != "watching" or sign.blind or (sign.coverage_frac or 0.0) < 1.0:
        raise typer.Exit(EXIT_FOUND)
