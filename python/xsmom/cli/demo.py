"""`xsmom demo`: from nothing to a traded book in one command, with nothing but what is installed."""

from __future__ import annotations

import os
import secrets
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xsmom.cli.choice import SAMPLE_SEED, AsJson, load_choice, sample_market
from xsmom.cli.progress import ProgressBar
from xsmom.errors import OutputError

if TYPE_CHECKING:
    from xsmom.cli.demo_parity import DemoParity
    from xsmom.cli.demo_trading import Traded
    from xsmom.cli.run_folder import Run
    from xsmom.lake.panel import Panel
    from xsmom.research.decision import Decision

PANEL_FILE, CONFIG_FILE, PICTURE_FILE = "sample.panel", "config.yaml", "model-book.html"
REPORT_FILE = "report.html"
EXIT_FOUND = 1
_BAR_WIDTH = 40
_LIVE_BARS = 5
_FIGURES = 8

app = typer.Typer()


@dataclass(frozen=True)
class Demo:
    """What one run made: files, and what the core decided."""

    panel_path: Path
    config_path: Path
    picture_path: Path
    profile: str
    panel: Panel
    decision: Decision
    run: Run


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for panel, config and picture.")] = Path(
        "xsmom-demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed makes the same market.")] = SAMPLE_SEED,
    profile: Annotated[
        Literal["weekly", "classic"], typer.Option(help="Daily bars and weekly holding, or the hourly classic.")
    ] = "weekly",
    live_bars: Annotated[
        int, typer.Option("--live-bars", min=0, max=200, help="Bars to trade live; 0 leaves that half out.")
    ] = _LIVE_BARS,
    as_json: AsJson = False,
) -> None:
    """Make a synthetic market, decide, backtest, and trade its last bars live on the built-in exchange.

    The market is made up and labelled so; everything shown is computed in this run. The live half is the
    real engine with its journal, through the unmodified client library over TLS, in time-lapse: a bar
    takes some seconds. It ends with a table of live against backtest; exit code 1 if they part where they
    must not.

    \b
    Examples:
      xsmom demo
      xsmom demo --out try --seed 11 --profile classic
      xsmom demo --live-bars 0
      xsmom demo --json
    """
    made = run_demo(out, seed, profile)
    if not as_json:
        _show(made)
    live = trade_demo(made, out, live_bars, quiet=as_json) if live_bars else None
    if as_json:
        from xsmom.cli.output import print_json

        print_json({**_document(made), "live": None if live is None else _live_document(*live)})
    else:
        if live is not None:
            _show_live(out, *live)
        _show_next(made, _targets(made.decision))
    if live is not None and not live[1].passed:
        raise typer.Exit(EXIT_FOUND)


def run_demo(folder: Path, seed: int, profile: str) -> Demo:
    """Make the files of the demo in `folder`, and decide."""
    from xsmom.config.profiles import read_profile_text
    from xsmom.lake.panel import Panel
    from xsmom.research.decision import decide_at

    config_path, panel_path, picture_path = (folder / name for name in (CONFIG_FILE, PANEL_FILE, PICTURE_FILE))
    prepare_folder(folder)
    write_whole(config_path, read_profile_text(profile))
    params: dict[str, Any] = load_choice(str(config_path), None).params()
    with ProgressBar("making a sample market") as tell:
        sample_market(params["bar_ms"], seed).write(panel_path, tell)
    panel = Panel.open(panel_path, verify=True)
    decision = decide_at(panel, params)
    write_whole(picture_path, _draw(panel, params, profile))
    run = _simulate(panel, config_path, panel_path)
    run.result.report(folder / REPORT_FILE)
    return Demo(panel_path, config_path, picture_path, profile, panel, decision, run)


def _simulate(panel: Panel, config_path: Path, panel_path: Path) -> Run:
    """The fast backtest over the whole market."""
    from xsmom.api import backtest
    from xsmom.cli.run_folder import Run

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # notes are part of the report
        result = backtest(panel, str(config_path))
    command = ("xsmom", *sys.argv[1:])
    return Run(result, str(config_path), str(panel_path), datetime.now(UTC), command)


def trade_demo(made: Demo, folder: Path, bars: int, *, quiet: bool) -> tuple[Traded, DemoParity]:
    """The last bars once more, by the live engine on the built-in exchange."""
    from xsmom.cli.demo_parity import PAGE_FILE, compare, draw_page
    from xsmom.cli.demo_trading import serve, trade
    from xsmom.config.load import load_config

    begin_ms = int(made.panel.close_ms[-(bars + 2)])
    begin = datetime.fromtimestamp(begin_ms / 1_000, UTC)
    state = folder / f"live-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    # At the market, as the backtest's costs assume, and whatever the spread: the demo has no two hours for an order.
    changes = {"execution.style": "market", "execution.spread_guard.enabled": False, "live.state_dir": str(state)}
    config = load_config(str(made.config_path), changes)
    cash = float(str(config.value("costs.initial_equity_usdt")))
    if not quiet:
        typer.echo(f"\nNow live: the same book from {begin:%Y-%m-%d} on, on the built-in exchange, in time-lapse.")
    with ProgressBar("trading live") as tell, serve(made.panel_path, f"{begin:%Y-%m-%d}", cash, folder) as server:
        traded = trade(server, config, bars, state, tell)
    with ProgressBar("comparing with the backtest") as tell:
        found = compare(traded, config, made.panel, tell)
    write_whole(folder / PAGE_FILE, draw_page(found, made.panel.label))
    return traded, found


def prepare_folder(folder: Path) -> None:
    """Make the folder; refuse one whose config or panel the demo would not write again as it is."""
    from xsmom.config.profiles import profile_names, read_profile_text
    from xsmom.lake.panel_file import read_header

    try:
        folder.mkdir(parents=True, exist_ok=True)
        config, panel = folder / CONFIG_FILE, folder / PANEL_FILE
        text = config.read_bytes() if config.exists() else None
    except OSError as error:
        raise OutputError(f"{folder} cannot be used: {error.strerror or error}; choose another --out") from None
    if text is not None and text not in [read_profile_text(name).encode() for name in profile_names()]:
        raise OutputError(f"{config} has been edited, and nothing of yours is overwritten: choose another --out")
    if panel.exists() and "synthetic" not in read_header(panel).provenance.get("source", ""):
        raise OutputError(f"{panel} is no sample of the demo, and nothing is overwritten: choose another --out")


def write_whole(path: Path, text: str) -> None:
    """Write beside the place and rename: whoever opens the file sees all of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror or error}; choose another --out") from None


def _draw(panel: Panel, params: dict[str, Any], profile: str) -> str:
    from xsmom.kernel import Params, model_weights
    from xsmom.research.picture import book_picture

    weights = model_weights(panel, Params(**params))
    return book_picture(panel, weights, f"Model book of profile {profile} on a {panel.label}")


def _targets(decision: Decision) -> list[tuple[str, float, str]]:
    """Names with a target, largest long first, largest short last."""
    wanted = [
        (symbol, float(weight), reason)
        for symbol, weight, reason in zip(decision.panel.symbols, decision.weight_frac, decision.reasons, strict=True)
        if weight != 0
    ]
    return sorted(wanted, key=lambda row: (-row[1], row[0]))


def _document(made: Demo) -> dict[str, Any]:
    decision = made.decision
    return {
        "panel": str(made.panel_path),
        "panel_hash": made.panel.hash,
        "panel_label": made.panel.label,
        "config": str(made.config_path),
        "picture": str(made.picture_path),
        "profile": made.profile,
        "decided_ms": decision.close_ms,
        "targets": [
            {"symbol": symbol, "weight_frac": weight, "reason": reason} for symbol, weight, reason in _targets(decision)
        ],
        "reasons": dict(Counter(decision.reasons).most_common()),
        "backtest": made.run.document(),
    }


def _live_document(traded: Traded, found: DemoParity) -> dict[str, Any]:
    told = {"state_dir": str(traded.state_dir), "took_s": traded.took_s, "warned": traded.warned}
    return {**told, "positions": traded.truth_lots, **found.document()}


def _show(made: Demo) -> None:
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms
    from xsmom.domain.timeframe import format_timeframe
    from xsmom.kernel import REASON_TEXTS

    panel, decision = made.panel, made.decision
    targets = _targets(decision)
    size = f"{panel.bars:,} bars of {format_timeframe(panel.bar_ms)}, {len(panel.symbols)} symbols"
    typer.echo(f"A made-up market ({panel.label}): {size}, every cell checked.")
    typer.echo(f"Profile {made.profile} decided {format_ms(decision.close_ms)}, with the model book:\n")
    rows = [(symbol, f"{weight:+.2%}", reason, REASON_TEXTS[reason]) for symbol, weight, reason in targets]
    print_table(("symbol", "target", "reason", ""), rows, [None] * len(rows))
    longs, shorts = (sum(weight for _, weight, _ in targets if sign * weight > 0) for sign in (1, -1))
    typer.echo(f"\nLongs {longs:+.1%}, shorts {shorts:+.1%}, net {longs + shorts:+.1%} of equity.\n")
    counted = Counter(decision.reasons).most_common()
    scale = min(1.0, _BAR_WIDTH / counted[0][1])
    bars = [(reason, f"{count}", "#" * max(1, round(count * scale))) for reason, count in counted]
    print_table(("all reasons", "names", ""), bars, [None] * len(bars))
    _show_backtest(made)


def _show_backtest(made: Demo) -> None:
    from xsmom.cli.output import print_table
    from xsmom.cli.run_table import cost_line, figures

    typer.echo(f"\nBacktest over all {made.panel.bars:,} bars: {cost_line(made.run.metrics)}")
    rows = figures(made.run.metrics)[:_FIGURES]
    print_table(("figure", "value", "meaning"), rows, [None] * len(rows))


def _show_live(folder: Path, traded: Traded, found: DemoParity) -> None:
    from xsmom.cli.demo_parity import PAGE_FILE, print_demo_parity

    typer.echo("")
    print_demo_parity(found, traded)
    typer.echo(f"\nlive     {traded.state_dir} (journal of {found.entries:,} entries; took {traded.took_s:.0f} s)")
    typer.echo(f"parity   {folder / PAGE_FILE}")


def _show_next(made: Demo, targets: list[tuple[str, float, str]]) -> None:
    symbol = targets[0][0] if targets else made.panel.symbols[0]
    panel, config = quote(str(made.panel_path)), quote(str(made.config_path))
    typer.echo(f"\npanel    {made.panel_path}\nconfig   {made.config_path}")
    typer.echo(f"picture  {made.picture_path} (open it in a browser; it needs no network)")
    typer.echo(f"report   {made.picture_path.with_name(REPORT_FILE)}")
    typer.echo("\nNext:")
    typer.echo(f"  xsmom why {symbol} --panel {panel} --config {config}")
    typer.echo(f"  xsmom backtest --fast --panel {panel} --config {config}")
    typer.echo("  xsmom init my-fund")
    typer.echo("\nLive, on paper first: xsmom paper --help")
