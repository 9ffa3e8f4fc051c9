"""`xsmom preflight`: everything that `xsmom live` demands, as a list; `live` itself runs the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.finding import Finding, Status
from xsmom.cli.size_options import Capital, MaxOrder, Ramp, size_overrides
from xsmom.cli.start_options import AcceptCost, Adopt, Ignore, Lapse, read_speed

if TYPE_CHECKING:
    from xsmom.cli.preflight_case import Asked, Case
    from xsmom.config.resolved import Resolved

app = typer.Typer()

_GIVE_KEY = "give XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET in the environment or in .env"
_STYLES = {Status.OK: None, Status.WARN: "yellow", Status.FAIL: "bold red"}


@app.command()
def preflight(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The configuration that live would run.")],
    overrides: Overrides = None,
    lapse: Lapse = "1",
    adopt: Adopt = False,
    ignore: Ignore = None,
    accept_annual_cost: AcceptCost = None,
    ramp: Ramp = None,
    capital: Capital = None,
    max_order_usdt: MaxOrder = None,
    drill: Annotated[
        bool,
        typer.Option(
            "--drill", help="Then send the smallest order and a stop, far from the market, and take them back."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Go through everything that `xsmom live` demands; without --drill nothing is sent and nothing is changed.

    Report and cost of a year, key, clock, modes and fees of the account, whether the equity carries the names,
    database, history, room on the disk, positions and orders of somebody else, kill switch. Give it the options that
    you would give to `live`. Exits with 0 only if `live` would start; warnings leave the exit code at 0.

    --drill sends, when nothing has failed, the smallest order that there is, a tenth below the market, and a stop a
    third below it; looks for each in the lookup and in the list of orders, changes it, and takes it back. Neither
    can fill. It shows that this key may do what protects you.

    \b
    Examples:
      xsmom preflight --config config.yaml
      xsmom preflight --config config.yaml --ramp 5d --capital 2000 --max-order-usdt 200
      xsmom preflight --config config.yaml --drill
      xsmom preflight --config config.yaml --accept-annual-cost 0.4 --json
    """
    from xsmom.cli.main import EXIT_FOUND
    from xsmom.cli.output import print_json, print_table
    from xsmom.config.load import load_config
    from xsmom.errors import ConfigError

    speed = read_speed(lapse)
    given = [*(overrides or ()), *size_overrides(ramp, capital, max_order_usdt)]
    try:
        resolved = load_config(str(config), given)
    except ConfigError as error:
        findings = [_invalid(error, config)]
    else:
        asked = ask(resolved, speed, adopt=adopt, ignore=ignore, accepted_frac=accept_annual_cost)
        findings = examine(asked, drill=drill)
    failed = [row for row in findings if row.status is Status.FAIL]
    if as_json:
        print_json({"ok": not failed, "checks": [asdict(row) for row in findings]})
    else:
        rows = [(row.name, row.status.value, row.detail, row.mend) for row in findings]
        print_table(("check", "status", "detail", "mend"), rows, [_STYLES[row.status] for row in findings])
        print(_summary(findings, failed))
    if failed:
        raise typer.Exit(EXIT_FOUND)


def ask(config: Resolved, speed: float, *, adopt: bool, ignore: list[str] | None, accepted_frac: float | None) -> Asked:
    """What would be started with these options."""
    from datetime import UTC, datetime

    from xsmom.cli.preflight_case import Asked
    from xsmom.cli.run_folder import RUNS
    from xsmom.live.wiring import Start

    start = Start(config, "live", (), None, speed, adopt, tuple(ignore or ()))
    return Asked(start, RUNS, datetime.now(UTC), accepted_frac)


def examine(asked: Asked, *, drill: bool = False) -> list[Finding]:
    """Connect, look at everything, and judge; an exchange that does not answer is a finding too."""
    import asyncio

    from xsmom.errors import VenueError
    from xsmom.live.wiring import access_of

    if access_of(asked.start.config).keys is None:
        return [*_judge_alone(asked), Finding("key", Status.FAIL, "none is given", _GIVE_KEY)]
    try:
        return asyncio.run(_gather(asked, drill=drill))
    except VenueError as error:
        unseen = Finding("exchange", Status.FAIL, str(error), "nothing of the account could be looked at")
        return [*_judge_alone(asked), unseen]


async def _gather(asked: Asked, *, drill: bool) -> list[Finding]:
    from xsmom.cli.preflight_case import gather_case
    from xsmom.cli.progress import ProgressBar
    from xsmom.live.wiring import open_account

    venue: Any
    venue, _ = await open_account(asked.start)
    try:
        with ProgressBar("looking at account and market") as tell:
            case = await gather_case(asked, venue, tell)
        findings = judge(case)
        if drill and all(row.status is not Status.FAIL for row in findings):
            from xsmom.cli.preflight_drill import run_drill

            findings += await run_drill(case, venue)
        return findings
    finally:
        await venue.close()


def judge(case: Case) -> list[Finding]:
    """All checks, in the order in which an operator would mend them."""
    return [finding for check in checks() for finding in check(case)]


def checks() -> tuple[Callable[[Case], Iterator[Finding]], ...]:
    """Every check; `xsmom live` refuses by the first that fails."""
    from xsmom.cli import preflight_account as account
    from xsmom.cli import preflight_checks as here

    return (
        here.check_config,
        here.check_doctor,
        here.check_disk,
        here.check_database,
        account.check_exchange,
        account.check_clock,
        account.check_key,
        account.check_modes,
        account.check_foreign,
        account.check_universe,
        here.check_history,
        here.check_rate,
        account.check_fees,
        here.check_style,
        here.check_permit,
        here.check_capital,
        here.check_bounds,
        here.check_kill,
    )


def _judge_alone(asked: Asked) -> list[Finding]:
    """What can be judged without an exchange."""
    from xsmom.cli import preflight_checks as here
    from xsmom.cli.preflight_case import local_case

    case = local_case(asked)
    alone = (
        here.check_config,
        here.check_doctor,
        here.check_disk,
        here.check_database,
        here.check_style,
        here.check_permit,
        here.check_bounds,
        here.check_kill,
    )
    return [finding for check in alone for finding in check(case)]


def refuse_failed(findings: list[Finding]) -> None:
    """`xsmom live`: the first failing line, as a sentence."""
    from xsmom.errors import ConfigError

    failed = [row for row in findings if row.status is Status.FAIL]
    if failed:
        more = f" (and {len(failed) - 1} more: `xsmom preflight` shows all)" if len(failed) > 1 else ""
        raise ConfigError(f"{failed[0].name}: {failed[0].detail}: {failed[0].mend}{more}")


def _invalid(error: Exception, config: Path) -> Finding:
    first, *others = str(error).splitlines()
    more = f" (and {len(others)} more)" if others else ""
    return Finding("config", Status.FAIL, f"{first}{more}", f"xsmom config check {config}")


def _summary(findings: list[Finding], failed: list[Finding]) -> str:
    warned = sum(row.status is Status.WARN for row in findings)
    if failed:
        return f"live would not start: {len(failed)} of {len(findings)} failed"
    return f"live would start: {len(findings)} looked at, {warned} with a warning"
