"""`xsmom demo`: from nothing to a decided book in one command, with nothing but what is installed."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xsmom.cli.choice import SAMPLE_SEED, AsJson, load_choice, sample_market
from xsmom.cli.progress import ProgressBar
from xsmom.errors import OutputError

if TYPE_CHECKING:
    from xsmom.lake.panel import Panel
    from xsmom.research.decision import Decision

PANEL_FILE, CONFIG_FILE, PICTURE_FILE = "sample.panel", "config.yaml", "model-book.html"
_BAR_WIDTH = 40

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


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for panel, config and picture.")] = Path(
        "xsmom-demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed makes the same market.")] = SAMPLE_SEED,
    profile: Annotated[
        Literal["weekly", "classic"], typer.Option(help="Daily bars and weekly holding, or the hourly classic.")
    ] = "weekly",
    as_json: AsJson = False,
) -> None:
    """Make a synthetic market, decide at its newest bar, and draw the book that led there.

    The market is made up and labelled so; everything shown is computed by the core in this run. The
    book is the model book: every decision since the market's start, filled without costs.

    \b
    Examples:
      xsmom demo
      xsmom demo --out try --seed 11 --profile classic
      xsmom demo --json
    """
    made = run_demo(out, seed, profile)
    if as_json:
        from xsmom.cli.output import print_json

        print_json(_document(made))
        return
    _show(made)


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
    return Demo(panel_path, config_path, picture_path, profile, panel, decision)


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
    }


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
    _show_next(made, targets)


def _show_next(made: Demo, targets: list[tuple[str, float, str]]) -> None:
    symbol = targets[0][0] if targets else made.panel.symbols[0]
    panel, config = quote(str(made.panel_path)), quote(str(made.config_path))
    typer.echo(f"\npanel    {made.panel_path}\nconfig   {made.config_path}")
    typer.echo(f"picture  {made.picture_path} (open it in a browser; it needs no network)")
    typer.echo("\nNext:")
    typer.echo(f"  xsmom why {symbol} --panel {panel} --config {config}")
    typer.echo(f"  xsmom backtest --fast --panel {panel} --config {config}")
    typer.echo("  xsmom init my-fund")
    typer.echo("\nLive, on paper first: xsmom paper --help")
