"""`xsmom data download`: market data from an exchange into the lake."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.exchange_options import AsJson, ExchangeName, NetworkName, Server, access
from xsmom.cli.lake_choice import LakeDir, choose_kinds, choose_lake, choose_since
from xsmom.cli.progress import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from xsmom.lake.download import Outcome
    from xsmom.lake.series import Kind
    from xsmom.venues.bybit.market import BybitMarket

_KINDS: dict[str, Kind] = {"ohlcv": "bars", "funding": "funding", "mark": "mark"}
_HOLES_SHOWN = 10

Since = Annotated[
    str | None,
    typer.Option(
        metavar="DAY",
        help="First day, or time with its zone: 2023-01-01.  [default: data.since of ./config.yaml]",
        show_default=False,
    ),
]
Kinds = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="What: ohlcv, funding, mark.  [default: data.kinds of ./config.yaml, else all]",
        show_default=False,
    ),
]


def download(
    since: Since = None,
    name: ExchangeName = "bybit",
    timeframe: Annotated[str, typer.Option(help="Length of a bar: 1m, 15m, 1h, 4h, 1d.")] = "1h",
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Up to here; left out: up to now.")] = None,
    symbols: Annotated[
        str | None, typer.Option(metavar="A,B", help="These; left out: all, also those no longer traded.")
    ] = None,
    top: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The N most traded today. Who left is not among them.")
    ] = None,
    kinds: Kinds = None,
    lake: LakeDir = None,
    calls_per_second: Annotated[
        float | None, typer.Option(metavar="X", min=0.2, help="A lower request budget than the exchange's.")
    ] = None,
    network: NetworkName = "main",
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Fetch bars, funding and mark prices, and what each contract is, into the lake.

    Only what the lake does not have yet is asked for, before and behind it alike, so the same command
    continues a download that was stopped (by Ctrl-C, or in any other way), and appends to one that is
    complete. The bar that is still forming is never stored. A range that the exchange does not answer
    for is noted as a hole, shown, and asked for again by the next run; the command then ends with an
    error.

    \b
    Examples:
      xsmom data download --since 2023-01-01 --timeframe 1h
      xsmom data download --since 2024-01-01 --top 40 --kinds ohlcv,funding
      xsmom data download --since 2024-01-01 --until 2024-07-01 --symbols BTCUSDT,ETHUSDT --lake my-lake --json
    """
    from time import monotonic

    from xsmom.cli.exchange import converse
    from xsmom.lake.download import Download
    from xsmom.lake.store import Lake
    from xsmom.venues.roster import table_of

    wish_of = _read_wish(choose_since(since), until, timeframe, choose_kinds(kinds, _KINDS), symbols, top)
    reached = access(network, server, requests_per_second=calls_per_second)
    table_of(name)
    folder = choose_lake(lake)
    store = Lake.open(folder, create=True)

    async def question(market: BybitMarket) -> tuple[Outcome, dict[str, Any]]:
        began_s = monotonic()
        contracts = await market.instruments()
        wish = await wish_of(market, contracts)
        outcome = await Download(market, store, wish, tell).run(contracts)
        return outcome, _measured(market, len(wish.symbols), monotonic() - began_s)

    try:
        with store.writing(), ProgressBar(f"pages from {name}") as tell:
            outcome, measured = converse(name, reached, question)
    except KeyboardInterrupt:
        print("what came so far is stored: run the same command again to go on", file=sys.stderr)
        raise
    _show(outcome, {"exchange": name, "lake": str(folder), **measured}, as_json)
    _fail_if_incomplete(outcome)


def _read_wish(
    since: str, until: str | None, timeframe: str, wanted: list[str], symbols: str | None, top: int | None
) -> Callable[..., Any]:
    """Check what can be checked without the exchange; the rest when its contracts are known."""
    from xsmom.domain.stamps import format_ms, parse_ms
    from xsmom.domain.timeframe import parse_timeframe
    from xsmom.errors import ConfigError, DataError
    from xsmom.lake.wanted import Wish, choose

    bar_ms, since_ms = parse_timeframe(timeframe), parse_ms(since)
    until_ms = None if until is None else parse_ms(until)
    if until_ms is not None and until_ms <= since_ms:
        raise DataError(f"--until {format_ms(until_ms)} is not after --since {format_ms(since_ms)}")
    if symbols is not None and top is not None:
        raise ConfigError("--symbols and --top both choose: give one of them")
    for word in wanted:
        if word not in _KINDS:
            raise ConfigError(f"kind {word!r} is not known: choose of {', '.join(_KINDS)}")
    if not wanted:
        raise ConfigError(f"no kind is asked for: choose of {', '.join(_KINDS)}")

    async def wish_of(market: BybitMarket, contracts: Any) -> Wish:
        if since_ms >= await market.now_ms():
            raise DataError(f"--since {format_ms(since_ms)} lies in the future")
        if top is not None:
            chosen = await _most_traded(market, contracts, top)
        else:
            chosen = choose(contracts, contracts if symbols is None else symbols.split(","), market.venue)
        return Wish(bar_ms, since_ms, until_ms, tuple(dict.fromkeys(_KINDS[word] for word in wanted)), chosen)

    return wish_of


async def _most_traded(market: BybitMarket, contracts: Any, top: int) -> tuple[str, ...]:
    from xsmom.domain.market_data import Trading

    quotes = await market.quotes()
    traded = [symbol for symbol in quotes if contracts[symbol].trading is Trading.OPEN]
    ranked = sorted(traded, key=lambda symbol: (-quotes[symbol].turnover_usdt_day, symbol))
    return tuple(sorted(ranked[:top]))


def _measured(market: BybitMarket, symbols: int, seconds: float) -> dict[str, Any]:
    limiter = market.wire.limiter
    return {
        "symbols": symbols,
        "calls": limiter.calls_made,
        "seconds": round(seconds, 3),
        "calls_per_second": round(limiter.calls_made / seconds, 1),
        "budget_per_second": round(limiter.data_per_second_max, 1),
    }


def _show(outcome: Outcome, facts: dict[str, Any], as_json: bool) -> None:
    from xsmom.cli.output import print_json, print_table
    from xsmom.domain.stamps import format_ms

    if as_json:
        print_json(_document(outcome, facts))
        return
    rows = []
    for word, kind in _KINDS.items():
        series = [one for one in outcome.series if one.key.kind == kind]
        if series:
            counts = (len(series), sum(one.pages for one in series), sum(one.rows for one in series))
            missing = (sum(len(one.failed) for one in series), sum(len(one.silent) for one in series))
            rows.append((word, *(f"{count:,}" for count in (*counts, *missing))))
    if rows:
        print_table(("kind", "series", "pages", "rows stored", "failed", "silent"), rows, [None] * len(rows))
    else:
        print("nothing was missing")
    print(
        f"{facts['symbols']} contracts of {facts['exchange']}, {facts['calls']:,} calls in {facts['seconds']:.1f} s: "
        f"{facts['calls_per_second']:.0f} a second of the {facts['budget_per_second']:.0f} that data may take"
    )
    holes = [(one.key, span, why) for one in outcome.series for span, why in one.failed]
    for key, span, why in holes[:_HOLES_SHOWN]:
        print(f"hole: {key}, {format_ms(span.start_ms)} to {format_ms(span.end_ms)}: {why}")
    if len(holes) > _HOLES_SHOWN:
        print(f"{len(holes) - _HOLES_SHOWN} more holes: --json shows them")


def _document(outcome: Outcome, facts: dict[str, Any]) -> dict[str, Any]:
    from xsmom.lake.download import SILENT

    series = []
    for one in outcome.series:
        told = [*one.failed, *((span, SILENT) for span in one.silent)]
        series.append(
            {
                "symbol": one.key.symbol, "kind": one.key.kind, "timeframe": one.key.timeframe,
                "rows": one.rows, "pages": one.pages,
                "holes": [{"from_ms": span.start_ms, "to_ms": span.end_ms, "why": why} for span, why in told],
            }
        )  # fmt: skip
    return {**facts, "rows": outcome.rows, "failed": outcome.failed, "gave_up": outcome.gave_up, "series": series}


def _fail_if_incomplete(outcome: Outcome) -> None:
    from xsmom.errors import Rejected, Unavailable

    if outcome.gave_up is not None:
        raise Unavailable(f"stopped early, since {outcome.gave_up}; what came is stored: run the same command again")
    if not outcome.failed:
        return
    ranges = f"{outcome.failed} range{'s' if outcome.failed > 1 else ''}"
    first = next(why for one in outcome.series for _, why in one.failed)
    if all(one.refused is not None for one in outcome.series if one.failed):
        raise Rejected(f"{ranges} were refused and are noted as holes: {first}")
    raise Unavailable(f"{ranges} did not come and are noted as holes, run the same command again: {first}")


def register(app: typer.Typer) -> None:
    """Add the command to `xsmom data`."""
    app.command()(download)
