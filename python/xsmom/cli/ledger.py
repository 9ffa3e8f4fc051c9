"""`xsmom ledger`: what a trader's book is worth, and what it has cost since the first start."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from xsmom.cli.amounts import usdt
from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, known_book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xsmom.domain.book import Book
    from xsmom.domain.ledger import FillRow
    from xsmom.ports import JournalReader

_COLUMNS = ("symbol", "result", "fees", "slippage", "funding paid", "funding received", "funding net")

app = typer.Typer()


@app.command()
def ledger(
    config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Show equity, costs and funding since the first start, in all and by name.

    Costs above 0 were lost. Slippage is against the price when an order was decided. What trading has cost is
    compared with what a backtest of this configuration assumes. `basis` is how far marks lie above the spot index,
    signed by side and weighted by worth.

    \b
    Examples:
      xsmom ledger
      xsmom ledger --mode paper --json
    """
    from xsmom.engine.rules import Rules
    from xsmom.live.picture import purse

    trader = Trader.of(config, mode, overrides)
    with trader.looking() as reader:
        book, account = known_book(reader), reader.account
        names = _names(book, reader)
    money = purse(book)
    traded = money["traded_usdt"]
    money["cost_frac"] = (money["fee_usdt"] + money["slippage_usdt"]) / traded if traded > 0.0 else None
    money["assumed_cost_frac"] = Rules.of(trader.config).pace.cost_frac
    if as_json:
        from xsmom.cli.output import print_json

        print_json({"account": account, "as_of_ms": book.as_of_ms, "money": money, "names": names})
        return
    _show(account, money, names)


def _names(book: Book, reader: JournalReader) -> list[dict[str, Any]]:
    """Each name that ever cost or brought anything; funding by the exchange's own prints."""
    from xsmom.live.picture import known

    paid: dict[str, Decimal] = {}
    received: dict[str, Decimal] = {}
    for told in reader.funding():
        side, amount = (paid, told.paid_usdt) if told.paid_usdt > 0 else (received, -told.paid_usdt)
        side[told.symbol] = side.get(told.symbol, Decimal(0)) + amount
    steps = reader.qty_steps()
    rows: list[dict[str, Any]] = []
    for symbol in sorted({*book.roster.symbols, *paid, *received, *steps}):
        at = book.roster.index(symbol)
        funding = paid.get(symbol, Decimal(0)) - received.get(symbol, Decimal(0))
        if at is None:
            result, fee, slippage = _gone(reader.fills(symbol=symbol), steps.get(symbol), funding)
        else:
            names, lots = book.names, int(book.lots[at])
            value = lots * float(book.roster.qty_step[at]) * float(names.mark[at]) if lots else 0.0
            result = known(float(names.flow_usdt[at]) + value)
            fee, slippage = float(names.fee_usdt[at]), float(names.slippage_usdt[at])
        row: dict[str, Any] = {
            "symbol": symbol,
            "result_usdt": result,
            "fee_usdt": fee,
            "slippage_usdt": slippage,
            "funding_paid_usdt": float(paid.get(symbol, 0)),
            "funding_received_usdt": float(received.get(symbol, 0)),
            "funding_usdt": float(funding),
        }
        if any(value != 0.0 for name, value in row.items() if name != "symbol"):
            rows.append(row)
    return rows


def _gone(fills: Sequence[FillRow], step: Decimal | None, funding: Decimal) -> tuple[float | None, float, float | None]:
    """Result, fees and slippage of a name that is traded no more, by its executions.

    The result is left open where the size of its lots is not kept, or has changed, or where they do not add up to
    nothing; slippage always is, because the prices that it was measured against went with the name.
    """
    if not fills:
        return float(-funding), 0.0, 0.0
    fee = sum((one.fee_usdt for one in fills), Decimal(0))
    if step is None or sum((one.lots for one in fills), 0) != 0:
        return None, float(fee), None
    spent = sum((one.lots * step * one.price for one in fills), Decimal(0))
    return float(-spent - fee - funding), float(fee), None


def _show(account: str, money: dict[str, Any], names: list[dict[str, Any]]) -> None:
    from xsmom.cli.output import print_table

    lines = _lines(money)
    print_table(("ledger", account), lines, [None] * len(lines))
    if not names:
        return

    print()
    signed = {"result_usdt", "funding_usdt"}
    rows = [
        (one["symbol"], *(usdt(value, sign=name in signed) for name, value in one.items() if name != "symbol"))
        for one in sorted(names, key=lambda one: one["result_usdt"] or 0.0)
    ]
    print_table(_COLUMNS, rows, [None] * len(rows))


def basis_text(money: dict[str, Any]) -> str:
    """What positions stand above spot, by their side and weighted by worth, when they were opened and now."""
    then, now = (
        "not known" if value is None else f"{value:+.1f} bps"
        for value in (money["basis_bps_entry"], money["basis_bps_now"])
    )
    return f"{now} above spot by side, {then} when opened"


def _lines(money: dict[str, Any]) -> list[tuple[str, str]]:
    from xsmom.domain.stamps import format_ms

    drawdown, cost = money["drawdown_frac"], money["cost_frac"]
    shown = "nothing was traded" if cost is None else f"{cost * 1e4:.1f} bps of what was traded"
    lines = [
        ("equity", f"{usdt(money['equity_usdt'])} USDT: cash {usdt(money['cash_usdt'])}, positions net "
                   f"{usdt(money['net_usdt'], sign=True)}, gross {usdt(money['gross_usdt'])}"),
        ("value of a share", "not known" if money["unit_value"] is None else f"{money['unit_value']:.6f}, peak "
                             f"{money['unit_value_peak']:.6f}, {drawdown:.2%} below it"),
        ("fees", usdt(money["fee_usdt"])),
        ("slippage", usdt(money["slippage_usdt"], sign=True)),
        ("funding paid", usdt(money["funding_usdt"], sign=True)),
        ("traded", f"{usdt(money['traded_usdt'])} in {money['fills']:,} fills"),
        ("cost of trading", f"{shown}; a backtest assumes {money['assumed_cost_frac'] * 1e4:.1f}"),
        ("transfers", usdt(money["transfers_usdt"], sign=True)),
        ("corrections", usdt(money["corrections_usdt"], sign=True)),
    ]  # fmt: skip
    if money["basis_bps_now"] is not None or money["basis_bps_entry"] is not None:
        lines.append(("basis", basis_text(money)))
    if money["wallet_usdt"] is not None:
        seen = format_ms(money["account_at_ms"])
        equity = usdt(money["account_equity_usdt"])
        lines.append(("exchange says", f"equity {equity}, wallet {usdt(money['wallet_usdt'])} (at {seen})"))
        lines.append(("unexplained", usdt(money["unexplained_usdt"], sign=True)))
    return lines
