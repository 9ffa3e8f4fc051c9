"""`xsmom data import`: files of market data into the lake."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.lake_choice import LakeDir, choose_lake, choose_venue
from xsmom.cli.progress import ProgressBar
from xsmom.errors import DataError

if TYPE_CHECKING:
    from xsmom.lake.imports.intake import Digest, Intake
    from xsmom.lake.imports.wishes import Wishes

_UNITS, _TIMES, _KINDS = ("s", "ms", "us", "ns"), ("open", "close"), ("bars", "mark", "funding")


def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders or patterns.")],
    venue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Exchange.  [default: data.venue, else what names tell]")
    ] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="bars, mark or funding.  [default: found]")] = None,
    timeframe: Annotated[str | None, typer.Option(metavar="TF", help="Length of a bar: 1h.  [default: found]")] = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="NAME", help="Symbol of files that have no column of it.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="FIELD=COLUMN,...", help="Which column is what: open_ms=when,close=last.")
    ] = None,
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Of numbers as time: s, ms, us or ns.")] = None,
    time_is: Annotated[
        str | None, typer.Option(metavar="WHICH", help="A stamp is the open or the close of a bar.")
    ] = None,
    tz: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of times that have none: UTC, Asia/Tokyo.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(metavar="HOW", help="long, wide or wide:FIELD.  [default: found]")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Where the lake tells otherwise, these files are right.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be taken for what; write nothing.")
    ] = False,
    lake: LakeDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring files of bars, mark prices or funding into the lake, as they are.

    CSV, Parquet, Feather, JSON, also .gz and .zip: freqtrade's folders, Binance's bulk archives, lists of
    ccxt, long frames with a column of symbols, and wide ones with a column for each symbol and a file
    for each field. What was taken for what is printed before anything is written, and every part of it
    can be overruled. A file is taken whole or not at all; the same file again changes nothing.

    \b
    Examples:
      xsmom data import bars.csv --dry-run
      xsmom data import user_data/data/binance/futures --venue binance
      xsmom data import 'BTCUSDT-1h-*.zip' --lake my-lake
      xsmom data import prices.csv --venue bybit --columns open_ms=when,close=last --tz UTC
    """
    from xsmom.lake.imports.intake import Intake
    from xsmom.lake.imports.wishes import Wishes, parse_columns, parse_layout
    from xsmom.lake.store import Lake

    how, wide_field = parse_layout(layout)
    for option, value, known in (("--unit", unit, _UNITS), ("--time-is", time_is, _TIMES), ("--kind", kind, _KINDS)):
        if value is not None and value not in known:
            raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}", param_hint=option)
    chosen: Any = {"kind": kind, "unit": unit, "time_is": time_is, "layout": how}
    wishes: Wishes = Wishes(
        venue=choose_venue(venue), timeframe=timeframe, symbol=symbol, columns=parse_columns(columns), zone=tz,
        wide_field=wide_field, **chosen,
    )  # fmt: skip
    intake = Intake(paths, wishes, replace=replace)
    with ProgressBar("reading") as tell:
        intake.understand(tell)
    folder = choose_lake(lake)
    if not as_json:
        _show(intake.digests.values())
    taken: list[Path] = []
    if not dry_run and intake.digests:
        store = Lake.open(folder, create=True)
        with store.writing(), ProgressBar("writing") as tell:
            for written in intake.write(store, time.time_ns() // 1_000_000, tell):
                taken += written
    _report(intake, folder, taken, dry_run=dry_run, as_json=as_json)


def _report(intake: Intake, folder: Path, taken: list[Path], *, dry_run: bool, as_json: bool) -> None:
    from xsmom.cli.output import print_json

    if as_json:
        print_json(
            {
                "lake": str(folder),
                "dry_run": dry_run,
                "found": [_document(digest) for digest in intake.digests.values()],
                "added_rows": intake.added_rows,
                "taken": [str(path) for path in taken],
                "refused": [
                    {"files": [str(path) for path in one.paths], "why": str(one.error)} for one in intake.refused
                ],
            }
        )
    elif dry_run:
        print("nothing was written (--dry-run)")
    elif taken:
        print(f"{folder}: {len(taken):,} of {intake.files:,} files taken, {intake.added_rows:,} rows are new")
    _fail(intake, as_json=as_json)


def _fail(intake: Intake, *, as_json: bool) -> None:
    if not intake.refused:
        return
    if intake.files == 1 or len(intake.refused) == 1 == len(intake.refused[0].paths):
        raise intake.refused[0].error
    if not as_json:
        for refusal in intake.refused:
            print(f"not taken: {', '.join(str(path) for path in refusal.paths)}: {refusal.error}")
    count = sum(len(refusal.paths) for refusal in intake.refused)
    first = intake.refused[0]
    raise DataError(f"{count:,} of {intake.files:,} files were not taken, such as {first.paths[0]}: {first.error}")


def _show(digests: Iterable[Digest]) -> None:
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    for digest in digests:
        shape = digest.shape
        some = ", ".join(sorted(digest.symbols)[:6]) + (", ..." if len(digest.symbols) > 6 else "")
        zone = f", {shape.zone}" if shape.zone else ""
        when = shape.time_is if shape.kind == "funding" else f"{shape.time_is} of the bar"
        rows = [
            ("kind", f"{shape.kind} {shape.timeframe}".strip()),
            ("venue", shape.venue),
            ("layout", shape.layout),
            ("time", f"{shape.time} ({shape.unit}{zone}): {when}"),
            *((field, column) for field, column in shape.taken),
            ("not stored", ", ".join(shape.ignored) or "nothing"),
            ("symbols", f"{len(digest.symbols):,}: {some}"),
            ("rows", f"{digest.rows:,}"),
            ("span", f"{format_ms(digest.first_ms)} to {format_ms(digest.last_ms)}"),
            *(
                ("note", f"{text}{f' (in {count:,} files)' if count > 1 else ''}")
                for text, count in digest.notes.items()
            ),
        ]
        first, more = digest.origins[0], len(digest.origins) - 1
        print_table(("taken for", f"{first}{f' and {more:,} more' if more else ''}"), rows, [None] * len(rows))


def _document(digest: Digest) -> dict[str, Any]:
    shape = digest.shape
    names = ("venue", "kind", "timeframe", "layout", "time", "unit", "zone", "time_is")
    return {
        **{name: getattr(shape, name) for name in names},
        "columns": dict(shape.taken),
        "not_stored": list(shape.ignored),
        "tables": digest.origins,
        "symbols": sorted(digest.symbols),
        "rows": digest.rows,
        "first_ms": digest.first_ms,
        "last_ms": digest.last_ms,
        "notes": list(digest.notes),
    }
