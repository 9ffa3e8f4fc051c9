"""`xsmom data`: make and look at market data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xsmom.cli import data_download
from xsmom.cli.data_check import check
from xsmom.cli.data_compile import compile_
from xsmom.cli.data_export import export
from xsmom.cli.data_import import import_
from xsmom.cli.data_ls import ls, show_lake
from xsmom.cli.data_repair import repair
from xsmom.cli.data_universe import universe
from xsmom.cli.progress import ProgressBar
from xsmom.errors import DataError, OutputError

app = typer.Typer(no_args_is_help=True, help="Make and look at market data.")

data_download.register(app)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def data() -> None:
    """Make and look at market data."""


app.command("check")(check)
app.command("repair")(repair)
app.command("compile")(compile_)
app.command("universe")(universe)
app.command("import")(import_)
app.command("ls")(ls)
app.command("export")(export)


@app.command()
def sample(
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Panel file to write.")] = Path("sample.panel"),
    symbols: Annotated[int, typer.Option(help="Number of names, BTC and ETH among them.")] = 40,
    days: Annotated[float, typer.Option(help="Length of the market in days.")] = 365.0,
    timeframe: Annotated[str, typer.Option(help="Length of a bar: 15m, 1h, 4h, 1d.")] = "1h",
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 7,
    momentum: Annotated[float, typer.Option(help="Strength of momentum; 0: nothing can be foretold.")] = 1.0,
    drama: Annotated[bool, typer.Option("--drama", help="Add one squeeze and one collapse.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace PATH if it is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a synthetic market: seeded, of any size, clearly labelled as made up.

    Good for trying the program and for tests, not for judging a strategy. With --momentum 0 no
    price can be foretold, and a correct backtest earns minus its costs.

    \b
    Examples:
      xsmom data sample
      xsmom data sample --out big.panel --symbols 100 --days 1460
      xsmom data sample --momentum 0 --seed 11 --timeframe 4h --json
    """
    from xsmom.domain.timeframe import DAY_MS, parse_timeframe
    from xsmom.lake.panel_file import read_header
    from xsmom.lake.sample import SampleMarket

    if not 0 < days < 100_000:
        raise DataError(f"a market of {days} days cannot be made: ask for more than 0, below 100,000")
    if out.exists() and not force:
        raise OutputError(f"{out} is there already: give --force to replace it, or another --out")
    bar_ms = parse_timeframe(timeframe)
    market = SampleMarket(symbols, int(days * DAY_MS) // bar_ms, bar_ms, seed, momentum, drama=drama)
    with ProgressBar("making bars") as tell:
        market.write(out, tell)
    _show(out, read_header(out), as_json, verified=False)


@app.command()
def info(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A panel file, or the folder of a lake.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read it all: hash each block, check each cell.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a panel file holds: size, time span, symbols, origin, content hash.

    Only its header and listing dates are read, unless --verify asks for everything. Of a lake it tells
    the same by exchange and kind; there `data check` is what reads everything.

    \b
    Examples:
      xsmom data info sample.panel
      xsmom data info sample.panel --verify --json
      xsmom data info lake
    """
    from xsmom.lake.panel import Panel
    from xsmom.lake.panel_file import read_header

    if path.is_dir():
        if verify:
            raise DataError(f"{path} is a folder: `xsmom data check --lake {path}` reads a lake wholly")
        show_lake(path, as_json=as_json)
        return
    header = read_header(path)
    if verify:
        Panel.open(path, verify=True)
    _show(path, header, as_json, verified=verify)


def _show(path: Path, header: Any, as_json: bool, *, verified: bool) -> None:
    from xsmom.cli.output import print_json, print_table
    from xsmom.domain.stamps import format_ms
    from xsmom.domain.timeframe import format_timeframe
    from xsmom.lake.panel import Panel

    panel = Panel.open(path)
    late = int((panel.listed_ms >= header.first_close_ms).sum())
    gone = int((panel.delisted_ms <= header.last_close_ms).sum())
    if as_json:
        fields = (
            "bars",
            "bar_ms",
            "first_close_ms",
            "last_close_ms",
            "symbols",
            "label",
            "provenance",
            "hash",
        )
        document = {"path": str(path), **{name: getattr(header, name) for name in fields}}
        counts = {"listed_inside": late, "delisted_inside": gone}
        print_json({**document, **counts, "file_bytes": header.file_bytes, "verified": verified})
        return
    span = f"{format_ms(header.first_close_ms)} to {format_ms(header.last_close_ms)} (closes)"
    some = ", ".join(header.symbols[:6]) + (", ..." if len(header.symbols) > 6 else "")
    rows = [
        ("label", header.label or "none"),
        ("bars", f"{header.bars:,} of {format_timeframe(header.bar_ms)}"),
        ("span", span),
        ("symbols", f"{len(header.symbols)}: {some}"),
        ("listed or delisted inside", f"{late}, {gone}"),
        ("content hash", f"{header.hash}{', verified' if verified else ''}"),
    ]
    print_table(("panel", f"{path}, {header.file_bytes / 1e6:,.1f} MB"), rows, [None] * len(rows))
