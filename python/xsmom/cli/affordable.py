"""`xsmom config check --equity`: which names an account of that size can trade, and the least that the config needs."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xsmom.cli.amounts import usdt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xsmom.config.resolved import Resolved
    from xsmom.domain.market_data import Instrument
    from xsmom.domain.panel import Panel

_SMALL_TOLD = 12


def look_affordable(config: Resolved, equity_usdt: float, panel: Path | None, data: Path | None) -> dict[str, Any]:
    """What the equity carries on the newest bar of a market, as one JSON object."""
    from xsmom.cli.market import choose_panel, open_market
    from xsmom.research.affordable import find_affordable

    path = choose_panel(panel, data, config)
    market = open_market(path, data, None, config)
    contracts, told = _contracts(market, data)
    found = find_affordable(market, config.params(), contracts, equity_usdt)
    source = str(data or path or "a synthetic sample market")
    document = {**asdict(found), "enough": found.enough, "market": source}
    return {**document, "contracts_told": told, "contracts_assumed": len(market.symbols) - told}


def _contracts(market: Panel, data: Path | None) -> tuple[Mapping[str, Instrument], int]:
    """Contracts as the lake knows them; what nobody told is assumed. And how many were told."""
    from xsmom.domain.contracts import make_instruments

    made = make_instruments(market)
    if data is None:
        return made, 0
    from xsmom.cli.survey_choice import open_lake, pick_venue

    lake = open_lake(data)
    rows = {row["symbol"]: row for row in lake.instruments(pick_venue(lake, None)).iter_rows(named=True)}
    told = {
        symbol: replace(
            one,
            qty_step=Decimal(rows[symbol]["qty_step"]),
            notional_usdt_min=Decimal(rows[symbol]["notional_usdt_min"]),
            lots_min=int(rows[symbol]["lots_min"]),
        )
        for symbol, one in made.items()
        if symbol in rows
    }
    return {**made, **told}, len(told)


def print_affordable(told: Mapping[str, Any]) -> None:
    """A table of what is affordable, and the sentences that matter."""
    from xsmom.cli.output import print_table
    from xsmom.domain.stamps import format_ms

    names = told["names"]
    can = sorted((one for one in names if one["affordable"]), key=lambda one: -abs(one["weight_frac"]))
    small = sorted((one for one in names if not one["affordable"]), key=lambda one: one["order_usdt_min"])
    rows = [
        (
            one["symbol"],
            usdt(one["order_usdt_min"]),
            f"{one['weight_frac']:+.2%}" if one["weight_frac"] else "",
            f"{one['lots']:+d}" if one["lots"] else "",
            usdt(one["value_usdt"], sign=True) if one["lots"] else "",
        )
        for one in can
    ]
    print(f"at {usdt(told['equity_usdt'])} USDT, on {told['market']}, {format_ms(told['close_ms'])}")
    if rows:
        print_table(("affordable", "least order USDT", "target", "lots", "USDT"), rows, [None] * len(rows))
    print(f"{len(can)} of {len(names)} eligible names can be traded")
    if small:
        more = len(small) - _SMALL_TOLD
        few = ", ".join(f"{one['symbol']} ({usdt(one['order_usdt_min'])})" for one in small[:_SMALL_TOLD])
        print(f"too small for {len(small)}: {few}{f' and {more} more' if more > 0 else ''}")
    wanted = told["gross_wanted_frac"]
    print(f"realised gross {told['gross_frac']:.4f} of {wanted:.4f}, net {told['net_frac']:+.4f}, as shares of equity")
    if told["contracts_assumed"]:
        print(
            f"contracts of {told['contracts_assumed']} names are assumed (least order 5 USDT, lots of about half a "
            "dollar): give --data LAKE, which knows those of an exchange, or ask it itself by `xsmom preflight`"
        )
    print(_sentence(told))


def _sentence(told: Mapping[str, Any]) -> str:
    wanted, least = told["wanted_names"], told["least_usdt"]
    if least is None:
        return "no equity would do: too few names are eligible on this market"
    if told["enough"]:
        return f"least equity {usdt(least)} USDT, which carries {wanted} names: this is enough"
    return (
        f"NOT ENOUGH: {wanted} names want at least {usdt(least)} USDT, and live refuses below it; "
        "deposit, or take fewer by strategy.k_min"
    )
