"""`xsmom data repair`: fetch again what an exchange can tell better, and put files in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.exchange_options import NetworkName, Server, access
from xsmom.cli.lake_choice import LakeDir
from xsmom.cli.progress import ProgressBar
from xsmom.cli.survey_choice import ConfigFile, Symbols, Venue, load_rules, open_lake, split_symbols

if TYPE_CHECKING:
    from xsmom.lake.repair import Repair
    from xsmom.lake.store import Lake

_SHOWN = 30


def repair(
    lake: LakeDir = None,
    venue: Venue = None,
    symbols: Symbols = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    network: NetworkName = "main",
    server: Server = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Mend what can be mended without inventing data, and say what was left.

    Ranges that were not answered, and bars or prints that contradict themselves, are fetched again
    from the exchange that they came from. A part whose rows do not fit its manifest keeps its rows and
    gets a new manifest that claims nothing else. What a killed writer left is removed. Rows that came
    from files are not overwritten.

    \b
    Examples:
      xsmom data repair --dry-run
      xsmom data repair --symbols BTCUSDT,ETHUSDT
    """
    opened = open_lake(lake)
    plan = _plan(opened, venue, split_symbols(symbols), config, overrides)
    if not dry_run:
        from xsmom.lake.repair import rebuild_manifests

        with opened.writing():
            rebuild_manifests(opened, plan)
            if any(not mend.left for mend in plan.fetch):
                _fetch(opened, plan, network, server)
    if as_json:
        _print_json(opened.root, plan, dry_run=dry_run)
        return
    _show(plan, dry_run=dry_run)


def _plan(
    lake: Lake, venue: str | None, symbols: list[str] | None, config: str | None, overrides: list[str] | None
) -> Repair:
    from xsmom.lake.checkup import check_files, check_market
    from xsmom.lake.inspection import Inspection
    from xsmom.lake.repair import plan_repair
    from xsmom.venues.roster import TABLES

    _, limits, changes = load_rules(config, overrides)
    with lake.reading():
        inspection = Inspection(lake)
        found = []
        for name, length in sorted({(key.venue, key.timeframe) for key in lake.keys(venue, "bars")}):
            with ProgressBar(f"{name} {length}") as tell:
                market = check_market(
                    lake,
                    name,
                    length,
                    symbols=symbols,
                    inspection=inspection,
                    limits=limits,
                    changes=changes,
                    progress=tell,
                )
            found += [(name, length, finding) for finding in (market.findings if market is not None else ())]
        with ProgressBar("other files") as tell:
            check_files(lake, venue, symbols, inspection, tell)
        venues = {key.venue for key in lake.keys(venue)}
        asked = next((name for name in sorted(venues) if name in TABLES), None)
        plan = plan_repair(lake, found, inspection.broken(), asked)
    keep = [mend for mend in plan.fetch if venue in {None, mend.key.venue}]
    plan.fetch = [mend for mend in keep if symbols is None or mend.key.symbol in symbols]
    return plan


def _fetch(lake: Lake, plan: Repair, network: str, server: str | None) -> None:
    from xsmom.cli.exchange import converse
    from xsmom.errors import VenueError
    from xsmom.lake.repair import fetch_again

    name = next(mend.key.venue for mend in plan.fetch if not mend.left)
    with ProgressBar("fetching again") as tell:
        try:
            converse(name, access(network, server), lambda market: fetch_again(lake, market, plan, tell))
        except VenueError as error:
            plan.left.append(f"{name} does not answer, so nothing was fetched: {error}")


def _print_json(lake: Path, plan: Repair, *, dry_run: bool) -> None:
    from xsmom.cli.output import print_json

    print_json(
        {
            "lake": str(lake),
            "dry_run": dry_run,
            "fetch": [mend.document() for mend in plan.fetch],
            "rebuild": [str(key) for key in plan.rebuild],
            "leftovers": plan.leftovers,
            "done": plan.done,
            "left": plan.left,
        }
    )


def _show(plan: Repair, *, dry_run: bool) -> None:
    from xsmom.domain.stamps import format_ms

    able = [mend for mend in plan.fetch if not mend.left]
    unable = [
        f"{mend.key} {format_ms(mend.span.start_ms)} ({mend.why}): {mend.left}" for mend in plan.fetch if mend.left
    ]
    if dry_run:
        _list("would be fetched again", [f"{mend.key} {format_ms(mend.span.start_ms)} ({mend.why})" for mend in able])
        _list("would get a new manifest", [str(key) for key in plan.rebuild])
    else:
        _list("mended", plan.done)
    _list("would be removed" if dry_run else "removed", plan.leftovers)
    _list("left as it is", [*plan.left, *unable])
    if not (plan.fetch or plan.rebuild or plan.leftovers):
        typer.echo("There is nothing to mend.")


def _list(title: str, lines: list[str]) -> None:
    if not lines:
        return
    typer.echo(f"{len(lines):,} {title}:")
    for line in lines[:_SHOWN]:
        typer.echo(f"  {line}")
    if len(lines) > _SHOWN:
        typer.echo(f"  … and {len(lines) - _SHOWN:,} more; --json shows them")
