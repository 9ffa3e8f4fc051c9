"""`xsmom data export`: rows out of the lake or a panel, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.data_ls import KINDS
from xsmom.cli.lake_choice import LakeDir, choose_lake
from xsmom.errors import DataError, OutputError

if TYPE_CHECKING:
    import polars as pl

    from xsmom.lake.series import SeriesKey

_ENDINGS = {".parquet": "parquet", ".csv": "csv", ".feather": "feather", ".arrow": "feather"}


def export(
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="File to write.")],
    symbols: Annotated[str | None, typer.Option(metavar="A,B", help="These alone, by commas.  [default: all]")] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First open: 2024-03-01, or a time with its zone.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here, not included.")] = None,
    how: Annotated[
        str | None, typer.Option("--format", metavar="HOW", help="parquet, csv or feather.  [default: by the ending]")
    ] = None,
    venue: Annotated[str | None, typer.Option(metavar="NAME", help="Exchange.  [default: the only one]")] = None,
    kind: Annotated[str, typer.Option(metavar="KIND", help="bars, mark or funding.")] = "bars",
    timeframe: Annotated[str | None, typer.Option(metavar="TF", help="Length.  [default: the only one]")] = None,
    panel: Annotated[Path | None, typer.Option(metavar="PATH", help="A panel file, instead of the lake.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace PATH if it is there.")] = False,
    lake: LakeDir = None,
) -> None:
    """Write stored rows as one long file: raw from the lake, or as a panel has them.

    From the lake come the rows as their source told them, stamped by open; from a panel the cells that
    research sees, stamped by close, with NaN where nothing is known. What comes out, `data import` reads.

    \b
    Examples:
      xsmom data export --out bars.parquet --symbols BTCUSDT,ETHUSDT --from 2024-01-01
      xsmom data export --out funding.csv --kind funding --venue binance
      xsmom data export --out cells.feather --panel market.panel --to 2024-07-01
    """
    from xsmom.domain.stamps import parse_ms
    from xsmom.lake.export import FORMATS, gather_panel, gather_series, write_frame

    chosen: Any = how or _ENDINGS.get(out.suffix.lower())
    if chosen not in FORMATS:
        raise typer.BadParameter(f"give one of {', '.join(FORMATS)}", param_hint="--format")
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    if out.exists() and not force:
        raise OutputError(f"{out} is there already: give --force to replace it, or another --out")
    names = [name.strip() for name in symbols.split(",") if name.strip()] if symbols is not None else None
    start_ms = parse_ms(since) if since is not None else None
    end_ms = parse_ms(until) if until is not None else None
    if panel is not None:
        from xsmom.lake.panel import Panel

        frame = gather_panel(Panel.open(panel), names, start_ms, end_ms)
    else:
        from xsmom.lake.store import Lake

        store = Lake.open(choose_lake(lake))
        keys = _choose(store.keys(venue, _kind(kind), timeframe), names)
        with store.reading():
            frame = gather_series(store, keys, start_ms, end_ms)
    _refuse_nothing(frame, since, until)
    write_frame(frame, out, chosen)
    print(f"{out}: {len(frame):,} rows of {frame['symbol'].n_unique():,} symbols, {out.stat().st_size / 1e6:,.1f} MB")


def _kind(kind: str) -> Any:
    return kind


def _choose(keys: list[SeriesKey], names: list[str] | None) -> list[SeriesKey]:
    """The series of those symbols; several venues or lengths in one file would be a mixture."""
    markets = sorted({(key.venue, key.timeframe) for key in keys})
    if len(markets) > 1:
        listed = ", ".join(" ".join(word for word in market if word) for market in markets)
        raise DataError(f"the lake has {listed}: choose one by --venue and --timeframe")
    if not keys:
        raise DataError("the lake has no such series: `xsmom data ls` shows what it has")
    missing = sorted({*(names or ())} - {key.symbol for key in keys})
    if missing:
        raise DataError(f"the lake has no {missing[0]} there: `xsmom data ls` shows what it has")
    return [key for key in keys if names is None or key.symbol in names]


def _refuse_nothing(frame: pl.DataFrame, since: str | None, until: str | None) -> None:
    if frame.is_empty():
        raise DataError(f"no row lies between --from {since or 'the first'} and --to {until or 'the last'}")
