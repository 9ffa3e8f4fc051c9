"""`xsmom exchange account|positions|orders|fees`: what an account at an exchange holds; read only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from xsmom.cli.exchange_options import AsJson, ExchangeName, Server, access

if TYPE_CHECKING:
    from xsmom.domain.market_data import Instrument
    from xsmom.domain.trading import OrderView, PositionView
    from xsmom.venues.bybit.venue import BybitVenue
    from xsmom.venues.wire import Access

T = TypeVar("T")

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration whose exchange settings, and .env, count."),
]
AccountNetwork = Annotated[
    str | None, typer.Option("--network", metavar="NAME", help="main, test or demo; left out: as configured.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `xsmom exchange`."""
    for command in (account, positions, orders, fees):
        app.command()(command)


def account(
    name: ExchangeName = "bybit", config: ConfigFile = None, network: AccountNetwork = None,
    server: Server = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Money and margin of the account, and what the key in use may do.

    The key comes from XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET, in the environment or in
    an .env file of mode 0600 beside the configuration. A key that only reads is enough here.

    \b
    Examples:
      xsmom exchange account
      xsmom exchange account --config config.yaml --network demo --json
    """
    from dataclasses import asdict

    from xsmom.cli.output import print_json, print_table

    async def question(venue: BybitVenue) -> tuple[Any, Any]:
        return await venue.account(), await venue.key()

    money, key = _converse(name, reached(config, network, server), question)
    facts = {field: str(value) if field != "at_ms" else value for field, value in asdict(money).items()}
    if as_json:
        print_json({"exchange": name, "account": facts, "key": asdict(key)})
        return
    rows = [(field.replace("_", " "), str(value)) for field, value in facts.items() if field != "at_ms"]
    rows += [
        ("key may trade", _yes(key.can_trade)),
        ("key may withdraw", "yes: make one that may not" if key.can_withdraw else "no"),
        ("key is bound to addresses", _yes(key.ip_bound)),
    ]
    print_table(("account", key.account), rows, ["bold red" if row[1].startswith("yes:") else None for row in rows])


def positions(
    name: ExchangeName = "bybit", config: ConfigFile = None, network: AccountNetwork = None,
    server: Server = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Every open position, with the stop that rests on the exchange.

    \b
    Examples:
      xsmom exchange positions
      xsmom exchange positions --network test --json
    """
    from xsmom.cli.output import print_json, print_table

    async def question(venue: BybitVenue) -> tuple[Any, Any]:
        contracts = await venue.instruments()
        return contracts, await venue.positions()

    contracts, snapshot = _converse(name, reached(config, network, server), question)
    if as_json:
        held = [_position_json(one, contracts[one.symbol]) for one in snapshot.rows]
        print_json({"exchange": name, "as_of_ms": snapshot.as_of_ms, "positions": held})
        return
    columns = ("symbol", "size", "entry", "mark", "unrealised", "stop", "target", "liquidation")
    rows = [tuple(str(cell) for cell in _position_row(one, contracts[one.symbol])) for one in snapshot.rows]
    if rows:
        print_table(columns, rows, ["yellow" if one.stop_loss_ticks is None else None for one in snapshot.rows])
    else:
        print("no position is open")


def orders(
    name: ExchangeName = "bybit", config: ConfigFile = None, network: AccountNetwork = None,
    server: Server = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Every order that is not final, conditional ones and stops of positions among them.

    \b
    Examples:
      xsmom exchange orders
      xsmom exchange orders --network test --json
    """
    from xsmom.cli.output import print_json, print_table

    async def question(venue: BybitVenue) -> tuple[Any, Any]:
        contracts = await venue.instruments()
        return contracts, await venue.open_orders()

    contracts, snapshot = _converse(name, reached(config, network, server), question)
    if as_json:
        open_now = [_order_json(one, contracts[one.symbol]) for one in snapshot.rows]
        print_json({"exchange": name, "as_of_ms": snapshot.as_of_ms, "orders": open_now})
        return
    columns = ("symbol", "size", "filled", "price", "trigger", "state", "reduces", "of position", "client id")
    rows = [tuple(str(cell) for cell in _order_row(one, contracts[one.symbol])) for one in snapshot.rows]
    if rows:
        print_table(columns, rows, [None] * len(rows))
    else:
        print("no order is open")


def fees(
    name: ExchangeName = "bybit", config: ConfigFile = None, network: AccountNetwork = None,
    server: Server = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Maker and taker fee of this account, for each symbol; what `costs` should assume.

    \b
    Examples:
      xsmom exchange fees
      xsmom exchange fees --config config.yaml --json
    """
    from xsmom.cli.output import print_json, print_table

    told = _converse(name, reached(config, network, server), lambda venue: venue.fees())
    if as_json:
        print_json(
            {
                "exchange": name,
                "fees": {
                    symbol: {"maker_frac": str(maker), "taker_frac": str(taker)}
                    for symbol, (maker, taker) in sorted(told.items())
                },
            }
        )
        return
    alike: dict[tuple[Any, Any], list[str]] = {}
    for symbol, pair in sorted(told.items()):
        alike.setdefault(pair, []).append(symbol)
    rows = [
        (f"{maker * 10_000:f}", f"{taker * 10_000:f}", str(len(symbols)), ", ".join(symbols[:6]))
        for (maker, taker), symbols in alike.items()
    ]
    print_table(("maker bps", "taker bps", "symbols", "such as"), rows, [None] * len(rows))


def reached(config: Path | None, network: str | None, server: str | None) -> Access:
    """How the account is reached: options before the configuration, and its keys."""
    from dataclasses import replace

    from xsmom.config.load import load_config
    from xsmom.venues.wire import Keys

    written = load_config(config).written.exchange
    configured = "test" if written.testnet else "main"
    way = access(network or configured, server if server is not None else written.base_url)
    keys = None
    if written.api_key is not None and written.api_secret is not None:
        keys = Keys(written.api_key, written.api_secret)
    return replace(
        way,
        keys=keys,
        requests_per_second=written.requests_per_second,
        recv_window_ms=written.recv_window_ms,
    )


def _converse(name: str, way: Access, question: Callable[[BybitVenue], Awaitable[T]]) -> T:
    import asyncio

    from xsmom.venues.roster import open_venue

    async def conversation() -> T:
        venue = await open_venue(name, way)
        try:
            return await question(venue)
        finally:
            await venue.close()

    return asyncio.run(conversation())


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _price(ticks: int | None, contract: Instrument) -> str | None:
    return None if ticks is None else f"{ticks * contract.price_tick:f}"


def _position_row(one: PositionView, contract: Instrument) -> tuple[object, ...]:
    fields = _position_json(one, contract)
    names = ("symbol", "size", "entry_price", "mark_price", "unrealised_usdt")
    legs = (fields["stop_loss"] or "none", fields["take_profit"] or "-", fields["liquidation_price"] or "-")
    return (*(fields[name] for name in names), *legs)


def _position_json(one: PositionView, contract: Instrument) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "lots": one.lots,
        "size": f"{one.lots * contract.qty_step:f}",
        "entry_price": None if one.entry_price is None else str(one.entry_price),
        "mark_price": str(one.mark_price),
        "unrealised_usdt": str(one.unrealised_usdt),
        "stop_loss": _price(one.stop_loss_ticks, contract),
        "take_profit": _price(one.take_profit_ticks, contract),
        "liquidation_price": None if one.liquidation_price is None else str(one.liquidation_price),
        "leverage_x": str(one.leverage_x),
        "initial_margin_usdt": str(one.initial_margin_usdt),
        "maintenance_margin_usdt": str(one.maintenance_margin_usdt),
        "at_ms": one.at_ms,
    }


def _order_row(one: OrderView, contract: Instrument) -> tuple[object, ...]:
    fields = _order_json(one, contract)
    trigger = "-" if one.trigger is None else f"{fields['trigger']} by {one.trigger.by.value}"
    return (
        one.symbol, fields["size"], fields["filled"], fields["price"] or "market", trigger,
        one.state.value, _yes(one.reduce_only), _yes(one.of_position), one.client_order_id or "-",
    )  # fmt: skip


def _order_json(one: OrderView, contract: Instrument) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "order_id": one.order_id,
        "client_order_id": one.client_order_id,
        "lots": one.lots,
        "size": f"{one.lots * contract.qty_step:f}",
        "filled": f"{one.filled_lots * contract.qty_step:f}",
        "price": _price(one.price_ticks, contract),
        "trigger": None if one.trigger is None else _price(one.trigger.price_ticks, contract),
        "trigger_by": None if one.trigger is None else one.trigger.by.value,
        "state": one.state.value,
        "reduce_only": one.reduce_only,
        "of_position": one.of_position,
        "created_ms": one.created_ms,
        "at_ms": one.at_ms,
    }
