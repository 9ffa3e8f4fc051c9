"""`xsmom positions`: what a trader holds, and what protects it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from xsmom.cli.amounts import usdt
from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, known_book, lasting

if TYPE_CHECKING:
    from xsmom.live.picture import Holding

_COLUMNS = (
    "symbol", "side", "qty", "entry", "mark", "value", "weight", "unrealised", "result", "funding paid",
    "basis bps", "stop", "away", "on exchange", "liquidation", "held", "note",
)  # fmt: skip

app = typer.Typer()


@app.command()
def positions(
    config: ConfigFile = "config.yaml", mode: ModeName = "live", overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Show every position with its result and its stop, largest first.

    The result is since the first fill, fees and funding included; `unrealised` is the price alone. `on
    exchange` says whether the stop was seen there, in both of the exchange's views. `basis bps` is the mark over the
    spot index, when the position was opened and now.

    \b
    Examples:
      xsmom positions
      xsmom positions --mode paper --json
    """
    from xsmom.live.picture import holdings

    trader = Trader.of(config, mode, overrides)
    with trader.looking() as reader:
        book, account = known_book(reader), reader.account
    now_ms, found = trader.now_ms(book), holdings(book)
    if as_json:
        from xsmom.cli.output import print_json

        rows = [asdict(one) for one in found]
        print_json({"account": account, "as_of_ms": book.as_of_ms, "positions": rows})
        return
    _show(found, now_ms)


def _show(found: list[Holding], now_ms: int) -> None:
    from xsmom.cli.output import print_table

    if not found:
        print("nothing is held")
        return
    styles = [None if one.stop_verified else "red" for one in found]
    print_table(_COLUMNS, [_row(one, now_ms) for one in found], styles)


def _row(one: Holding, now_ms: int) -> tuple[str, ...]:

    notes = (f"by hand: {one.by_hand}" if one.by_hand else "", "closing" if one.closing else "")
    return (
        one.symbol,
        one.side,
        f"{one.qty:.10g}",
        f"{one.entry_price:.8g}",
        _price(one.mark),
        usdt(one.value_usdt, sign=True),
        _percent(one.weight_frac),
        usdt(one.unrealised_usdt, sign=True),
        usdt(one.result_usdt, sign=True),
        usdt(one.funding_usdt, sign=True),
        _basis(one.basis_bps_entry, one.basis_bps_now),
        _price(one.stop_price),
        _percent(one.stop_distance_frac),
        "verified" if one.stop_verified else "NOT SEEN",
        _percent(one.liquidation_distance_frac),
        lasting((now_ms - one.opened_ms) / 1_000),
        " ".join(note for note in notes if note),
    )


def _basis(entry: float | None, now: float | None) -> str:
    """When it was opened, and now."""
    if entry is None and now is None:
        return ""
    return " -> ".join("?" if value is None else f"{value:+.1f}" for value in (entry, now))


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:.8g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1%}"
