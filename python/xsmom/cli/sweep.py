"""`xsmom sweep`: many configurations over one market, and what the best of them owes to their number."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from xsmom.cli.main import EXIT_INTERRUPTED
from xsmom.cli.market import (
    ConfigFile,
    DataDir,
    Overrides,
    PanelFile,
    Since,
    Timeframe,
    Until,
    choose_panel,
    choose_source,
    cut_market,
    open_market,
    with_timeframe,
)
from xsmom.cli.progress import ProgressBar
from xsmom.cli.survey_choice import Venue

if TYPE_CHECKING:
    from xsmom.cli.sweep_folder import SweepRun
    from xsmom.lake.panel import Panel
    from xsmom.research.draws import Axis
    from xsmom.research.sweep import Sweep, Trial

_LEAST_FIRST = {
    "turnover_year_x", "cost_year_frac", "fee_year_frac", "spread_year_frac", "impact_year_frac", "funding_year_frac",
    "cost_of_gross_frac", "volatility_ann", "ulcer", "guarded_bars", "kurtosis",
}  # fmt: skip

app = typer.Typer(help="Simulate many configurations.")


@app.command()
def sweep(
    config: ConfigFile = None,
    panel: PanelFile = None,
    data: DataDir = None,
    venue: Venue = None,
    timeframe: Timeframe = None,
    since: Since = None,
    until: Until = None,
    overrides: Overrides = None,
    grid: Annotated[
        list[str] | None, typer.Option(metavar="KEY=V1,V2,…", help="Values of a setting to try; may be repeated.")
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="KEY=LOW:HIGH", help="Range to draw from, :log or :int behind it; repeatable."),
    ] = None,
    random: Annotated[int | None, typer.Option(metavar="N", help="Draw N configurations at random.")] = None,
    qmc: Annotated[
        int | None, typer.Option(metavar="N", help="Draw N that fill the space evenly (scrambled Halton).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the draws.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, metavar="N", help="Threads.  [default: all processors]")] = None,
    sort: Annotated[str, typer.Option(metavar="FIGURE", help="What the rows are ordered by, best first.")] = "sharpe",
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Rows to show.")] = 20,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="New run folder.  [default: runs/<UTC>-<config hash>]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no sweep.html.")] = False,
    daily_returns: Annotated[
        bool, typer.Option("--daily-returns", help="Keep every daily return, as daily_returns.parquet.")
    ] = False,
) -> None:
    """Simulate every combination of values, or draws from ranges, over one market.

    Each configuration has the figures that `xsmom backtest` gives it alone. The more are tried, the
    better the best of them looks by luck alone: the command says how good that is. Ctrl-C writes what
    is done, says so, and exits with 130.

    \b
    Examples:
      xsmom sweep --grid strategy.k_min=4,7,10 --grid strategy.signal_power=1,1.35,2
      xsmom sweep --config classic --panel market.panel --qmc 256
          --range strategy.vol_lookback=24:240:log --range strategy.gross_leverage=0.5:2
      xsmom sweep --grid strategy.gross_leverage=0.5,1,1.5 --sort calmar --json
    """
    from xsmom.cli.axes import make_points, read_axes
    from xsmom.cli.run_folder import name_folder
    from xsmom.config.load import load_config
    from xsmom.research.sweep import make_trials

    axes = read_axes(grid or [], ranges or [])
    count, method = _check(axes, random, qmc, sort)
    points = make_points(axes, count, seed=seed, evenly=qmc is not None)
    source = choose_source(config)
    base = load_config(source, with_timeframe(overrides, timeframe))
    started = datetime.now(UTC)
    folder = name_folder(out, started, base.config_hash)
    market = cut_market(open_market(panel := choose_panel(panel, data, base), data, venue, base), since, until)
    if not as_json and count is not None and len(points) < count:
        print(f"{len(points):,} of {count:,} draws differ from one another")
    trials = make_trials(market, points, base, costs=None, timing={})
    began = monotonic()
    found = _run(market, trials, threads, daily_returns=daily_returns)
    from xsmom.cli.sweep_folder import SweepRun

    command = shlex.join(("xsmom", *sys.argv[1:]))
    path = str(panel or data) if panel or data else None
    run = SweepRun(found, base, source, path, started, command, axes, method, None if count is None else seed)
    seconds = monotonic() - began
    _tell(run, folder, (sort, top), report=not no_report, as_json=as_json, seconds=seconds, renumber=out is None)
    if found.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


def _check(axes: list[Axis], random: int | None, qmc: int | None, sort: str) -> tuple[int | None, str]:
    """How many draws, and how they are made; nothing that is found out after an hour."""
    from difflib import get_close_matches

    from xsmom.research.sweep import FIGURES

    if not axes:
        raise typer.BadParameter("nothing is varied: give --grid key=1,2,3 or --range key=1:3", param_hint="--grid")
    if random is not None and qmc is not None:
        raise typer.BadParameter("draws are made by --random or by --qmc, not by both", param_hint="--qmc")
    if sort not in FIGURES:
        meant = get_close_matches(sort, FIGURES, n=1)
        hint = f"; did you mean {meant[0]}?" if meant else f": it is one of {', '.join(FIGURES)}"
        raise typer.BadParameter(f"{sort} is not a figure{hint}", param_hint="--sort")
    if qmc is not None:
        return qmc, "scrambled Halton"
    return (random, "random") if random is not None else (None, "grid")


def _run(market: Panel, trials: list[Trial], threads: int | None, *, daily_returns: bool) -> Sweep:
    from xsmom.research.sweep import run_trials

    with ProgressBar(f"{len(trials):,} configurations") as tell:
        return run_trials(market, trials, threads=threads, daily_returns=daily_returns, progress=tell)


def _tell(
    run: SweepRun,
    folder: Path,
    order_by: tuple[str, int],
    *,
    report: bool,
    as_json: bool,
    seconds: float,
    renumber: bool,
) -> None:
    """Write what is done, then show the best of it."""
    from xsmom.cli.output import print_json
    from xsmom.cli.sweep_folder import write_sweep
    from xsmom.cli.sweep_table import print_sweep
    from xsmom.research.sweep_page import rank

    sort, top = order_by
    if not len(run.sweep.place):
        raise KeyboardInterrupt  # before the first was done: there is nothing to write
    order = rank(run.sweep, sort, least_first=sort in _LEAST_FIRST)
    daily = run.sweep.has_daily_returns
    folder = write_sweep(run, folder, order[:top], report=report, daily=daily, renumber=renumber)
    if as_json:
        print_json({"folder": str(folder), **run.document(order[:top])})
    else:
        print_sweep(run, folder, order, top=top, seconds=seconds)
    if run.sweep.interrupted:
        done = f"{len(run.sweep.place):,} of {len(run.sweep.trials):,}"
        # `main` says behind it that the command was interrupted.
        print(f"xsmom: {done} configurations are done and written to {folder}", file=sys.stderr)
