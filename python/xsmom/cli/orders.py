"""`xsmom orders`: what works now, or what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, known_book

if TYPE_CHECKING:
    from decimal import Decimal

    from xsmom.domain.ledger import FillRow, OrderRow

_COLUMNS = (
    "sent", "symbol", "for", "side", "qty", "price", "filled", "phase", "reduces", "order", "note",
)  # fmt: skip

app = typer.Typer()


@app.command()
def orders(
    everything: Annotated[bool, typer.Option("--all", help="Those that are done too.")] = False,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Sent at or after: 2024-03-01, or with its zone.")
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Of this name alone.")] = None,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show the orders that stand now, as the trader knows them; with --all every one that was sent.

    \b
    Examples:
      xsmom orders
      xsmom orders --all --from 2024-03-01 --symbol BTCUSDT
      xsmom orders --mode paper --json
    """
    from xsmom.domain.stamps import parse_ms
    from xsmom.live.income import qty_steps

    since_ms = 0 if since is None else parse_ms(since)
    with Trader.of(config, mode, overrides).looking() as reader:
        book, account = known_book(reader), reader.account
        name = None if symbol is None else symbol.upper()
        found = reader.orders(open_only=not everything, since_ms=since_ms, symbol=name)
        if everything:
            found = _settle(found, reader.fills(since_ms, symbol=name))
        # A name that has left the configuration, or the exchange, keeps the lots that it had.
        steps = qty_steps(reader, book, {row.symbol for row in found})
    if as_json:
        from xsmom.cli.output import print_json

        print_json({"account": account, "as_of_ms": book.as_of_ms, "orders": [_plain(row) for row in found]})
        return
    if not found:
        print("no such order was sent" if everything else "no order stands")
        return
    from xsmom.cli.output import print_table

    styles = ["yellow" if row.phase == "unknown" else None for row in found]
    print_table(_COLUMNS, [_row(row, steps.get(row.symbol)) for row in found], styles)


def _settle(rows: Sequence[OrderRow], fills: Sequence[FillRow]) -> list[OrderRow]:
    """Orders that left the book at their last execution, as they ended: that step kept no newer word of them."""
    filled: dict[str, int] = {}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, 0) + fill.lots
    return [_ended(row, filled.get(row.client_order_id, 0)) for row in rows]


def _ended(row: OrderRow, lots: int) -> OrderRow:
    from dataclasses import replace

    from xsmom.domain.orders import Phase

    lots = max(lots, row.filled_lots, key=abs)
    if row.open or Phase(row.phase).final:
        return replace(row, filled_lots=lots)
    return replace(row, filled_lots=lots, phase="filled" if lots == row.lots else "left")


def _plain(row: OrderRow) -> dict[str, Any]:
    return {**asdict(row), "price": None if row.price is None else str(row.price)}


def _row(row: OrderRow, step: Decimal | None) -> tuple[str, ...]:
    from xsmom.domain.stamps import format_ms

    price = "market" if row.price is None else f"{'at ' if row.conditional else ''}{row.price.normalize():f}"
    return (
        format_ms(row.sent_ms),
        row.symbol,
        row.purpose,
        "buy" if row.lots > 0 else "sell",
        f"{abs(row.lots)} lots" if step is None else f"{float(abs(row.lots) * step):.10g}",
        price,
        _share(abs(row.filled_lots), abs(row.lots)),
        row.phase,
        "yes" if row.reduce_only else "",
        row.client_order_id,
        row.why,
    )


def _share(part: int, whole: int) -> str:
    """In whole per cent, but neither 0 nor 100 where it is not."""
    if not whole or part in {0, whole}:
        return f"{part / whole:.0%}" if whole else ""
    return "< 1%" if part * 200 < whole else f"{min(part / whole, 0.99):.0%}"
