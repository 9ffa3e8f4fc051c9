"""`xsmom doctor`: what on this machine would keep xsmom from working, and the mend for each."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xsmom.cli.checks import run_checks
from xsmom.cli.finding import Finding, Status
from xsmom.cli.main import EXIT_FOUND
from xsmom.cli.output import print_json, print_table

app = typer.Typer()

_STYLES = {Status.OK: None, Status.WARN: "yellow", Status.FAIL: "bold red"}


@app.command()
def doctor(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Also check this configuration file.")] = None,
    exchange: Annotated[
        str | None, typer.Option("--exchange", metavar="NAME", help="Also look at this exchange, over the network.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look for what would keep xsmom from working here.

    Looks at the core's build, the interpreter, the installed packages, the current folder, its
    .env, the clock and the lake; with --config also at keys and the journals of its traders; with
    --exchange also whether the exchange answers, its clock agrees, and what the key may do. What is
    not configured is no fault. Exits with 1 if a check failed; warnings leave the exit code at 0.
    Before real money `xsmom preflight` asks for more.

    \b
    Examples:
      xsmom doctor
      xsmom doctor --config config.yaml
      xsmom doctor --exchange bybit
      xsmom doctor --config config.yaml --exchange bybit
      xsmom doctor --json
    """
    findings = run_checks(Path.cwd(), config, exchange)
    if json:
        print_json({"ok": not _failed(findings), "checks": [asdict(row) for row in findings]})
    else:
        rows = [(row.name, row.status.value, row.detail, row.mend) for row in findings]
        styles = [_STYLES[row.status] for row in findings]
        print_table(("check", "status", "detail", "mend"), rows, styles)
    if _failed(findings):
        raise typer.Exit(EXIT_FOUND)


def _failed(findings: list[Finding]) -> bool:
    return any(row.status is Status.FAIL for row in findings)
