"""`xsmom pnl today|week`: what a day or a week has brought, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from xsmom.cli.amounts import usdt
from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, known_book

if TYPE_CHECKING:
    from xsmom.live.results import NameResult, Results

_DAY_MS = 86_400_000

app = typer.Typer()


@app.callback()
def pnl() -> None:
    """Profit and loss of a trader, part by part: prices, slippage, fees, funding."""


@app.command()
def today(
    config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Since 00:00 UTC; what is realised and what is not together.

    `prices` is what would have been won or lost had every order been executed at the price when it was
    decided. Deposits and withdrawals are no result.

    \b
    Examples:
      xsmom pnl today
      xsmom pnl today --mode paper --json
    """
    _tell(Trader.of(config, mode, overrides), 1, as_json=as_json)


@app.command()
def week(
    config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Since 00:00 UTC six days ago: seven days, today's included.

    \b
    Examples:
      xsmom pnl week
      xsmom pnl week --mode paper --json
    """
    _tell(Trader.of(config, mode, overrides), 7, as_json=as_json)


def _tell(trader: Trader, days: int, *, as_json: bool) -> None:
    from xsmom.engine.rules import Rules
    from xsmom.errors import StateError
    from xsmom.live.results import results_since

    with trader.looking() as reader:
        book, account = known_book(reader), reader.account
        since_ms = (trader.now_ms(book) // _DAY_MS - days + 1) * _DAY_MS
        results = results_since(reader, book, since_ms)
    if results is None:
        raise StateError("no result is known yet: it wants a close at which all that is held has a price")
    assumed_frac = Rules.of(trader.config).pace.cost_frac
    if as_json:
        from xsmom.cli.output import print_json

        print_json({"account": account, **results.document(), "assumed_cost_frac": assumed_frac})
        return
    _show(account, results, assumed_frac)


def _show(account: str, results: Results, assumed_frac: float) -> None:
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    lines = [
        ("from", format_ms(results.since_ms) + _began(results)),
        ("until", format_ms(results.until_ms)),
        ("equity then", usdt(results.equity_before_usdt)),
        ("prices", usdt(results.price_usdt, sign=True)),
        ("slippage", usdt(-results.slippage_usdt, sign=True)),
        ("fees", usdt(-results.fee_usdt, sign=True)),
        ("funding", usdt(-results.funding_usdt, sign=True)),
        *_rare("corrections", results.corrections_usdt),
        ("result", f"{usdt(results.result_usdt, sign=True)} ({results.return_frac:+.2%})"),
        *_rare("transfers", results.transfers_usdt),
        ("equity now", usdt(results.equity_usdt)),
        ("traded", f"{usdt(results.traded_usdt)}{_cost(results, assumed_frac)}"),
    ]
    bad = "red" if results.result_usdt < 0.0 else "green"
    print_table(("pnl", account), lines, [bad if title == "result" else None for title, _ in lines])
    if results.names:
        print()
        rows = [_row(one) for one in sorted(results.names, key=lambda one: one.result_usdt or 0.0)]
        columns = ("symbol", "result", "prices, slippage", "fees", "funding", "traded")
        print_table(columns, rows, [None] * len(rows))


def _began(results: Results) -> str:
    if results.since_ms == results.asked_ms:
        return ""
    return ", the last close before" if results.since_ms < results.asked_ms else ", the first close of all"


def _rare(title: str, amount_usdt: float) -> list[tuple[str, str]]:

    return [(title, usdt(amount_usdt, sign=True))] if amount_usdt else []


def _cost(results: Results, assumed_frac: float) -> str:
    if results.cost_frac is None:
        return ""
    return f", at {results.cost_frac * 1e4:.1f} bps of fees and slippage; a backtest assumes {assumed_frac * 1e4:.1f}"


def _row(one: NameResult) -> tuple[str, ...]:

    amounts: tuple[Any, ...] = (one.result_usdt, one.price_usdt, -one.fee_usdt, -one.funding_usdt)
    return (one.symbol, *(usdt(amount, sign=True) for amount in amounts), usdt(one.traded_usdt))
