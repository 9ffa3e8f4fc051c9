"""`xsmom data check`: what is wrong with the data of a lake, and what a panel makes of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.lake_choice import LakeDir
from xsmom.cli.main import EXIT_FOUND
from xsmom.cli.progress import ProgressBar
from xsmom.cli.survey_choice import (
    ConfigFile,
    Symbols,
    Venue,
    load_rules,
    open_lake,
    print_rules,
    split_symbols,
)

if TYPE_CHECKING:
    from xsmom.lake.checkup import MarketCheck
    from xsmom.lake.rules import Finding
    from xsmom.lake.store import Lake

_SYMBOLS_SHOWN = 30
_ALL_KINDS = ("bars", "mark", "funding")


def check(
    lake: LakeDir = None,
    venue: Venue = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Only bars, mark or funding.", show_default=False)
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option(
            metavar="TF",
            help="Bars of this length, made of smaller ones if need be.  [default: each]",
            show_default=False,
        ),
    ] = None,
    symbols: Symbols = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only findings from this day on, UTC.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="PATH", help="Write a map of coverage and findings.")
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Judge every row of the lake, and say what `data compile` makes of it.

    Also holds each part against its manifest's hash and looks for files that are none of the lake's.
    Ends with exit code 1 if there are errors, 0 if there are none. Nothing is changed.

    \b
    Examples:
      xsmom data check
      xsmom data check --venue binance --timeframe 1h --html check.html
      xsmom data check --symbols LUNAUSDT --since 2022-05-01 --json
    """  # fmt: skip
    from xsmom.domain.stamps import parse_ms
    from xsmom.lake.rules import Severity

    if kind is not None and kind not in _ALL_KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(_ALL_KINDS)}", param_hint="--kind")
    opened = open_lake(lake)
    asked = {
        "kinds": _ALL_KINDS if kind is None else (kind,),
        "symbols": split_symbols(symbols),
        "since_ms": None if since is None else parse_ms(since),
        "rules": load_rules(config, overrides)[1:],
    }
    with opened.reading():
        markets, others = _look(opened, venue, timeframe, asked)
    found = [*(finding for market in markets for finding in market.findings), *others]
    errors = [finding for finding in found if finding.severity is Severity.ERROR]
    if html is not None:
        from xsmom.research.report.coverage import write_coverage

        write_coverage(html, str(opened.root), markets, others)
    if as_json:
        _print_json(opened.root, markets, others, len(errors), html)
    else:
        _show(opened.root, markets, found, html)
    if errors:
        raise typer.Exit(EXIT_FOUND)


def _look(
    lake: Lake, venue: str | None, timeframe: str | None, asked: dict[str, Any]
) -> tuple[list[MarketCheck], list[Finding]]:
    from xsmom.lake.checkup import check_files, check_lonely_funding, check_market
    from xsmom.lake.inspection import Inspection

    inspection = Inspection(lake)
    limits, changes = asked["rules"]
    pairs = sorted({(key.venue, key.timeframe) for key in lake.keys(venue, "bars")})
    if timeframe is not None:
        pairs = sorted({(name, timeframe) for name, _ in pairs})
    markets = []
    for name, length in pairs:
        with ProgressBar(f"{name} {length}") as tell:
            market = check_market(
                lake, name, length, kinds=asked["kinds"], symbols=asked["symbols"], inspection=inspection,
                since_ms=asked["since_ms"], limits=limits, changes=changes, progress=tell,
            )  # fmt: skip
        if market is not None:
            markets.append(market)
    lonely: list[Finding] = []
    if "funding" in asked["kinds"]:
        for name in sorted({key.venue for key in lake.keys(venue, "funding")}):
            lonely += check_lonely_funding(lake, name, inspection, asked["symbols"])
    with ProgressBar("other files") as tell:
        others = check_files(lake, venue, asked["symbols"], inspection, tell)
    return markets, [*others, *lonely]


def _print_json(lake: Path, markets: list[MarketCheck], others: list[Finding], errors: int, html: Path | None) -> None:
    from xsmom.cli.output import print_json
    from xsmom.lake.rules import VERSION

    print_json(
        {
            "lake": str(lake),
            "rules_version": VERSION,
            "errors": errors,
            "html": None if html is None else str(html),
            "files": [finding.document() for finding in others],
            "markets": [
                {
                    "venue": market.venue,
                    "timeframe": market.timeframe,
                    "symbols": list(market.tickers),
                    "instruments": market.instruments,
                    "usable_bars": market.bars,
                    "findings": [finding.document() for finding in market.findings],
                }
                for market in markets
            ],
        }
    )


def _show(lake: Path, markets: list[MarketCheck], found: list[Finding], html: Path | None) -> None:
    from xsmom.lake.rules import Severity

    count = Counter(finding.severity for finding in found)
    bars = sum(market.bars for market in markets)
    names = ", ".join(f"{market.venue} {market.timeframe}" for market in markets) or "no bars"
    numbers = ", ".join(f"{count[severity]:,} {severity.value}s" for severity in reversed(Severity))
    typer.echo(f"{lake}: {names}; {bars:,} usable bars; {numbers}.")
    if found:
        typer.echo()
        print_rules(found)
        _show_symbols(found)
    if html is not None:
        typer.echo(f"\nThe map is in {html}.")
    if count[Severity.ERROR]:
        typer.echo("\n`xsmom data repair` fetches again what an exchange can tell better.")


def _show_symbols(found: list[Finding]) -> None:
    """Errors and warnings one by one, the gravest first."""
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms
    from xsmom.lake.rules import Severity

    order = list(Severity)
    grave = [finding for finding in found if finding.severity is not Severity.NOTE]
    grave.sort(key=lambda finding: (-order.index(finding.severity), finding.symbol, finding.first_ms))
    if not grave:
        return
    rows = [
        (
            finding.symbol,
            finding.rule,
            format_ms(finding.first_ms) if finding.last_ms else "all of it",
            format_ms(finding.last_ms) if finding.last_ms > finding.first_ms else "",
            f"{finding.rows:,}",
            finding.detail,
        )
        for finding in grave[:_SYMBOLS_SHOWN]
    ]
    styles = ["red" if finding.severity is Severity.ERROR else None for finding in grave[:_SYMBOLS_SHOWN]]
    typer.echo()
    print_table(("symbol", "rule", "from", "to", "rows", "what"), rows, styles)
    if len(grave) > _SYMBOLS_SHOWN:
        typer.echo(f"… and {len(grave) - _SYMBOLS_SHOWN:,} more: --symbols, --since or --json show them.")
