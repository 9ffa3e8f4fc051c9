"""`xsmom exchange`: look at an exchange: is it there, does its clock agree, what does it list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from xsmom.cli import exchange_account
from xsmom.cli.exchange_options import AsJson, ExchangeName, NetworkName, Server, access
from xsmom.cli.main import EXIT_FOUND

if TYPE_CHECKING:
    from xsmom.cli.finding import Finding
    from xsmom.config.resolved import Resolved
    from xsmom.domain.market_data import Instrument, Quote
    from xsmom.venues.bybit.market import BybitMarket
    from xsmom.venues.wire import Access

T = TypeVar("T")

_SKEW_MS_WARN = 500.0
_MARKETS_SHOWN = 40

app = typer.Typer(no_args_is_help=True, help="Look at an exchange; nothing here trades.")

exchange_account.register(app)


@app.callback()
def exchange() -> None:
    """Look at an exchange; nothing here trades."""


@app.command()
def check(
    name: ExchangeName = "bybit", network: NetworkName = "main", server: Server = None, as_json: AsJson = False
) -> None:
    """Is the exchange reachable, does its clock agree with ours, does it announce an interruption?

    Exits with 1 if a check failed; warnings leave the exit code at 0.

    \b
    Examples:
      xsmom exchange check
      xsmom exchange check --exchange bybit --network test --json
    """
    from dataclasses import asdict

    from xsmom.cli.finding import Status
    from xsmom.cli.output import print_json, print_table

    findings = look(name, network, server)
    failed = any(row.status is Status.FAIL for row in findings)
    if as_json:
        print_json(
            {"exchange": name, "network": network, "ok": not failed, "checks": [asdict(row) for row in findings]}
        )
    else:
        rows = [(row.name, row.status.value, row.detail, row.mend) for row in findings]
        print_table(("check", "status", "detail", "mend"), rows, [None] * len(rows))
    if failed:
        raise typer.Exit(EXIT_FOUND)


@app.command()
def markets(
    name: ExchangeName = "bybit",
    network: NetworkName = "main",
    server: Server = None,
    show_all: Annotated[bool, typer.Option("--all", help="Also contracts that are not open; every row.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the perpetuals, the most traded first: price, spread, day's turnover, steps, funding.

    \b
    Examples:
      xsmom exchange markets
      xsmom exchange markets --exchange bybit --all --json
    """
    from xsmom.cli.output import print_json, print_table
    from xsmom.domain.market_data import Trading

    contracts, quotes = converse(name, access(network, server), _contracts_and_quotes)
    ranked = sorted(contracts.values(), key=lambda one: (-_turnover(quotes.get(one.symbol)), one.symbol))
    if not show_all:
        ranked = [one for one in ranked if one.trading is Trading.OPEN]
    if as_json:
        print_json({"exchange": name, "markets": [_market_json(one, quotes.get(one.symbol)) for one in ranked]})
        return
    shown = ranked if show_all else ranked[:_MARKETS_SHOWN]
    columns = (
        "symbol",
        "state",
        "last",
        "spread bps",
        "turnover M",
        "tick",
        "step",
        "least USDT",
        "funding bps",
        "every",
    )
    print_table(columns, [_market_row(one, quotes.get(one.symbol)) for one in shown], [None] * len(shown))
    if len(shown) < len(ranked):
        print(f"{len(ranked) - len(shown)} more: --all shows them")


def converse(name: str, reached: Access, question: Callable[[BybitMarket], Awaitable[T]]) -> T:
    """Connect, ask, close. Ctrl-C ends it like any other command."""
    import asyncio

    from xsmom.venues.roster import open_market

    async def conversation() -> T:
        market = await open_market(name, reached)
        try:
            return await question(market)
        finally:
            await market.close()

    return asyncio.run(conversation())


def look(name: str, network: str, server: str | None) -> list[Finding]:
    """The checks of `xsmom exchange check`, which `xsmom doctor --exchange` shows too."""
    from xsmom.cli.finding import Finding, Status
    from xsmom.errors import VenueError

    where = f"{name} ({network})" if server is None else f"{name} at {server}"
    try:
        return converse(name, access(network, server), lambda market: _look(market, where))
    except VenueError as error:
        mend = "look at the network, a firewall, or the exchange's own status page"
        return [Finding("exchange", Status.FAIL, str(error), mend)]


def look_by(config: Resolved) -> list[Finding]:
    """The same, by way of a configuration: its network, server and certificate."""
    from xsmom.cli.finding import Finding, Status
    from xsmom.errors import XsmomError
    from xsmom.live.wiring import access_of

    name = str(config.value("exchange.id"))
    try:
        access = access_of(config)
        where = f"{name} ({access.network.value})" if access.base_url is None else f"{name} at {access.base_url}"
        return converse(name, access, lambda market: _look(market, where))
    except XsmomError as error:
        mend = "look at the network, a firewall, or the exchange's own status page"
        return [Finding("exchange", Status.FAIL, str(error), mend)]


async def _look(market: BybitMarket, where: str) -> list[Finding]:
    from xsmom.cli.finding import Finding, Status
    from xsmom.domain.market_data import Trading
    from xsmom.domain.stamps import format_ms

    clock = market.wire.clock
    rows = [Finding("exchange", Status.OK, f"{where} answers in {clock.round_trip_ms:.0f} ms")]
    skew = f"ours is {abs(clock.skew_ms):.0f} ms {'slow' if clock.skew_ms > 0 else 'fast'}, ± {clock.error_ms:.0f} ms"
    if abs(clock.skew_ms) - clock.error_ms > _SKEW_MS_WARN:
        rows.append(Finding("exchange clock", Status.WARN, skew, "set the clock (NTP); orders are stamped with it"))
    else:
        rows.append(Finding("exchange clock", Status.OK, skew))
    told = await market.maintenance()
    for one in told:
        span = f"{format_ms(one.begin_ms)} to {format_ms(one.end_ms)}"
        rows.append(
            Finding("exchange status", Status.WARN, f"{one.title} ({one.state}), {span}", "wait until it is over")
        )
    if not told:
        rows.append(Finding("exchange status", Status.OK, "no interruption is announced"))
    contracts = await market.instruments()
    counts = {state: sum(one.trading is state for one in contracts.values()) for state in Trading}
    text = ", ".join(f"{count} {state.value.replace('_', ' ')}" for state, count in counts.items() if count)
    rows.append(Finding("exchange markets", Status.OK, f"{len(contracts)} perpetuals in {market.quote}: {text}"))
    return rows


async def _contracts_and_quotes(market: BybitMarket) -> tuple[Any, Any]:
    return await market.instruments(), await market.quotes()


def _turnover(quote: Quote | None) -> float:
    return 0.0 if quote is None else float(quote.turnover_usdt_day)


def _spread_bps(quote: Quote | None) -> float | None:
    if quote is None or quote.bid is None or quote.ask is None or not quote.bid + quote.ask:
        return None
    return float((quote.ask - quote.bid) / (quote.ask + quote.bid) * 2 * 10_000)


def _market_row(one: Instrument, quote: Quote | None) -> tuple[str, ...]:
    spread = _spread_bps(quote)
    funding = None if quote is None or quote.funding_frac is None else float(quote.funding_frac) * 10_000
    return (
        one.symbol,
        one.trading.value.replace("_", " "),
        "-" if quote is None else str(quote.last),
        "-" if spread is None else f"{spread:.2f}",
        f"{_turnover(quote) / 1e6:,.1f}",
        str(one.price_tick),
        str(one.qty_step),
        str(one.notional_usdt_min),
        "-" if funding is None else f"{funding:+.2f}",
        f"{one.funding_interval_ms // 3_600_000}h",
    )


def _market_json(one: Instrument, quote: Quote | None) -> dict[str, Any]:
    from xsmom.domain.panel import NEVER_MS

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    document: dict[str, Any] = {
        "symbol": one.symbol, "base": one.base, "quote": one.quote, "state": one.trading.value,
        "listed_ms": one.listed_ms, "delisted_ms": None if one.delisted_ms == NEVER_MS else one.delisted_ms,
        "price_tick": str(one.price_tick), "qty_step": str(one.qty_step), "lots_min": one.lots_min,
        "lots_max": one.lots_max, "lots_max_market": one.lots_max_market,
        "notional_usdt_min": str(one.notional_usdt_min), "leverage_x_max": str(one.leverage_x_max),
        "funding_interval_ms": one.funding_interval_ms,
    }  # fmt: skip
    if quote is not None:
        names = ("last", "mark", "index", "bid", "ask", "turnover_usdt_day", "funding_frac")
        document |= {name: text(getattr(quote, name)) for name in names}
        document |= {"spread_bps": _spread_bps(quote), "next_funding_ms": quote.next_funding_ms, "at_ms": quote.at_ms}
    return document
