"""`xsmom data ls`: what the lake holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.lake_choice import LakeDir, choose_lake

if TYPE_CHECKING:
    from xsmom.lake.listing import Listed

KINDS = ("bars", "mark", "funding")


def ls(
    venue: Annotated[str | None, typer.Option(metavar="NAME", help="Of this exchange alone.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="bars, mark or funding alone.")] = None,
    timeframe: Annotated[str | None, typer.Option(metavar="TF", help="Bars of this length alone.")] = None,
    lake: LakeDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the series of the lake: rows, span, coverage, holes, size, source.

    Coverage is rows over the bars from the first to the last; holes are ranges that were asked for and
    not answered. Only footers are read, so it is quick however much there is; `data check` reads it all.

    \b
    Examples:
      xsmom data ls
      xsmom data ls --kind bars --timeframe 1h --lake my-lake --json
    """
    from xsmom.cli.output import print_json
    from xsmom.lake.listing import list_series
    from xsmom.lake.store import Lake

    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    folder = choose_lake(lake)
    chosen: Any = kind
    listed = list(list_series(Lake.open(folder), venue, chosen, timeframe))
    if as_json:
        print_json({"lake": str(folder), "series": [_document(one) for one in listed]})
    elif listed:
        _show(folder, listed)
    else:
        print(f"{folder} holds no such series")


def show_lake(folder: Path, *, as_json: bool) -> None:
    """A lake in a few lines: what `xsmom data info` says of one."""
    from xsmom.cli.output import print_json, print_table
    from xsmom.domain.stamps import format_ms
    from xsmom.lake.listing import list_series
    from xsmom.lake.store import Lake

    groups: dict[tuple[str, str, str], list[Any]] = {}
    for one in list_series(Lake.open(folder), None, None, None):
        groups.setdefault((one.key.venue, one.key.kind, one.key.timeframe), []).append(one)
    told = []
    for (venue, kind, timeframe), listed in groups.items():
        infos = [one.info for one in listed if one.info is not None and one.info.rows]
        told.append(
            {
                "venue": venue,
                "kind": kind,
                "timeframe": timeframe,
                "symbols": len(listed),
                "rows": sum(info.rows for info in infos),
                "first_ms": min((info.first_ms for info in infos), default=None),
                "last_ms": max((info.last_ms for info in infos), default=None),
                "bytes": sum(info.bytes for info in infos),
                "holes": sum(len(info.holes) for info in infos),
                "faults": [one.fault for one in listed if one.fault],
            }
        )
    if as_json:
        print_json({"lake": str(folder), "groups": told})
        return
    rows = [
        (
            f"{one['venue']} {one['kind']} {one['timeframe']}".strip(),
            f"{one['symbols']:,}",
            f"{one['rows']:,}",
            "none" if one["first_ms"] is None else f"{format_ms(one['first_ms'])} to {format_ms(one['last_ms'])}",
            f"{one['holes']:,}",
            f"{one['bytes'] / 1e6:,.1f} MB",
        )
        for one in told
    ]
    print_table((f"lake {folder}", "symbols", "rows", "span", "holes", "size"), rows, [None] * len(rows))
    for fault in (fault for one in told for fault in one["faults"]):
        print(f"broken: {fault}")


def _show(folder: Path, listed: Sequence[Listed]) -> None:
    from xsmom.cli.output import print_table

    rows = [_row(one) for one in listed]
    styles = ["red" if one.fault else "yellow" if one.info and one.info.holes else None for one in listed]
    titles = ("venue", "kind", "tf", "symbol", "rows", "from", "to", "coverage", "holes", "size", "source")
    print_table(titles, rows, styles)
    size = sum(one.info.bytes for one in listed if one.info)
    print(f"{folder}: {len(listed):,} series, {size / 1e6:,.1f} MB")


def _row(one: Listed) -> tuple[str, ...]:
    from xsmom.domain.stamps import format_ms

    key, info = one.key, one.info
    head = (key.venue, key.kind, key.timeframe, key.symbol)
    if info is None:
        return (*head, "broken", "", "", "", "", "", one.fault)
    ends = ["" if at_ms is None else format_ms(at_ms) for at_ms in (info.first_ms, info.last_ms)]
    coverage = "" if one.coverage_frac is None else f"{one.coverage_frac:.2%}"
    origins = list(dict.fromkeys(f"{source.what} {source.origin}" for source in info.sources))
    source = f"{origins[-1]}{f' and {len(origins) - 1} more' if len(origins) > 1 else ''}" if origins else ""
    return (*head, f"{info.rows:,}", *ends, coverage, f"{len(info.holes)}", f"{info.bytes / 1e3:,.0f} kB", source)


def _document(one: Listed) -> dict[str, Any]:
    key, info = one.key, one.info
    head = {"venue": key.venue, "kind": key.kind, "timeframe": key.timeframe, "symbol": key.symbol}
    if info is None:
        return {**head, "fault": one.fault}
    return {
        **head,
        "rows": info.rows,
        "first_ms": info.first_ms,
        "last_ms": info.last_ms,
        "coverage_frac": one.coverage_frac,
        "covered": [list(span) for span in info.covered],
        "holes": [{"from_ms": hole.span.start_ms, "to_ms": hole.span.end_ms, "why": hole.why} for hole in info.holes],
        "revised_rows": info.revised_rows,
        "bytes": info.bytes,
        "content_sha256": info.content_sha256,
        "sources": [source._asdict() for source in info.sources],
    }
