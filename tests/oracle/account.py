"""The account of a simulated strategy by the letter of docs/explanation/accounting.md: cash, units, marks, costs.

A position is the dict of `tests.oracle.exits`; a booked fill goes through its `fold_fill`.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.oracle.exit_params import DEFAULTS
from tests.oracle.exits import FLAT, bar_close_ms, fold_fill
from tests.oracle.params import Params

Dict = dict[str, Any]

IMPACT_FRAC_MAX = 0.10
COST_KINDS = ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt")
FREE: Dict = {
    "taker_fee_frac": 0.0,
    "maker_fee_frac": 0.0,
    "maker_share_frac": 0.0,
    "half_spread_frac": 0.0,
    "impact_y": 0.0,
    "funding": False,
}


@dataclass
class Order:
    """Lots of one name at a reference price."""

    name: int
    lots: int
    price: float
    atr: float
    at_ms: int
    exit: str | None = None


def exit_params(params: Params) -> Dict:
    """The parameters that exits and records read."""
    return {name: params[name] for name in DEFAULTS}


def fine_steps(panel: Dict, cash: float) -> list[float]:
    """Lots that round nothing: a power of two of units, worth about 1e-11 of the cash at the first price."""
    steps = []
    for column in panel["close"].T:
        known = column[~np.isnan(column)]
        units = cash * 1e-11 / (known[0] if len(known) else 1.0)
        steps.append(2.0 ** (math.frexp(units)[1] - 1))
    return steps


def impact_frac(costs: Dict, notional: float, sigma_day: float, adv: float) -> float:
    """Share of the price that a trade of this size moves it; an unknown depth costs the most."""
    if costs["impact_y"] == 0.0 or notional == 0.0:
        return 0.0
    if not (sigma_day >= 0.0 and adv > 0.0):
        return IMPACT_FRAC_MAX
    return float(min(IMPACT_FRAC_MAX, 2.0 / 3.0 * costs["impact_y"] * sigma_day * math.sqrt(notional / adv)))


def maintenance(value: float, rows: list[tuple[float, float]]) -> float:
    """Each slice of a position's value at the rate of its own tier; the last rate goes on."""
    needed, below = 0.0, 0.0
    for place, (most, rate) in enumerate(rows):
        upper = math.inf if place == len(rows) - 1 else most
        needed += max(0.0, min(value, upper) - below) * rate
        below = most
    return needed


@dataclass
class Account:
    """What is owned, and everything that was ever booked."""

    params: Params
    costs: Dict
    steps: list[float]
    cash: float
    positions: list[Dict] = field(init=False)
    mark: list[float] = field(init=False)
    depth: list[tuple[float, float]] = field(init=False)
    flow: list[float] = field(init=False)
    trip_flow: list[float] = field(init=False)
    trip_funding: list[float] = field(init=False)
    totals: Dict = field(init=False)
    fills: list[Dict] = field(default_factory=list)
    trips: list[Dict] = field(default_factory=list)
    facts: list[Dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = len(self.steps)
        self.positions = [dict(FLAT) for _ in range(count)]
        self.mark = [math.nan] * count
        self.depth = [(math.nan, math.nan)] * count
        self.flow, self.trip_flow, self.trip_funding = ([0.0] * count for _ in range(3))
        self.totals = dict.fromkeys((*COST_KINDS, "traded_usdt"), 0.0)

    def lots(self, i: int) -> int:
        """Lots held, signed."""
        return int(self.positions[i]["lots"])

    def units(self, i: int) -> float:
        """Units held, signed."""
        return self.lots(i) * self.steps[i]

    def value(self, i: int) -> float:
        """Signed value at the mark."""
        return self.units(i) * self.mark[i] if self.lots(i) else 0.0

    def held(self) -> list[int]:
        """Names that are not flat."""
        return [i for i in range(len(self.steps)) if self.lots(i)]

    def net(self) -> float:
        """Sum of signed values."""
        return math.fsum(self.value(i) for i in self.held())

    def gross(self) -> float:
        """Sum of values without sign."""
        return math.fsum(abs(self.value(i)) for i in self.held())

    def equity(self) -> float:
        """Cash plus what is held at the marks."""
        return self.cash + self.net()

    def paid(self) -> float:
        """All costs so far."""
        return math.fsum(self.totals[kind] for kind in COST_KINDS)

    def fill(self, order: Order, bar: int) -> None:
        """Book an order; one that crosses 0 is a close and an opening at the same price."""
        held = self.lots(order.name)
        after = held + order.lots
        if held * after < 0:
            self.book(Order(order.name, -held, order.price, order.atr, order.at_ms, order.exit), bar)
            self.book(Order(order.name, after, order.price, order.atr, order.at_ms), bar)
        elif order.lots:
            self.book(order, bar)

    def book(self, order: Order, bar: int) -> None:
        """One execution: price after spread and impact, fee on the executed notional."""
        i, costs = order.name, self.costs
        units = order.lots * self.steps[i]
        notional = abs(units) * order.price
        taker = 1.0 - costs["maker_share_frac"]
        spread = costs["half_spread_frac"] * taker
        impact = impact_frac(costs, notional, *self.depth[i])
        price = order.price * (1.0 + math.copysign(spread + impact, units))
        fee_frac = costs["maker_share_frac"] * costs["maker_fee_frac"] + taker * costs["taker_fee_frac"]
        fee = abs(units) * price * fee_frac
        flow = -units * price - fee
        self.cash += flow
        self.flow[i] += flow
        if self.lots(i) == 0:
            self.trip_flow[i] = self.trip_funding[i] = 0.0
        self.trip_flow[i] += flow
        for kind, paid in (("fee", fee), ("spread", notional * spread), ("impact", notional * impact)):
            self.totals[f"{kind}_usdt"] += paid
        self.totals["traded_usdt"] += notional
        self.fills.append(
            {"bar": bar, "at_ms": order.at_ms, "symbol": i, "units": units, "price": price}
            | {"reference_price": order.price, "fee_usdt": fee, "exit": order.exit or "plan"}
        )
        folded = fold_fill(self.positions[i], order.lots, price, order.atr, order.at_ms, exit_params(self.params))
        self.positions[i] = folded["position"]
        if folded["round_trip"]:
            self.end_trip(i, folded["round_trip"], order)

    def end_trip(self, i: int, trip: Dict, order: Order) -> None:
        """Note a round trip by its result after costs and funding."""
        at_ms = bar_close_ms(order.at_ms, self.params["bar_ms"])
        net = self.trip_flow[i]
        self.facts.append({"kind": "trip", "symbol": i, "net_usdt": net, "at_ms": at_ms})
        self.trips.append(
            {
                "symbol": i,
                "side": trip["side"],
                "opened_ms": trip["opened_ms"],
                "closed_ms": trip["closed_ms"],
                "units_max": trip["lots_max"] * self.steps[i],
                "entry_price": trip["entry_price"],
                "exit_price": trip["exit_price"],
                "net_usdt": net,
                "funding_usdt": self.trip_funding[i],
                "exit": order.exit or trip["exit"] or "plan",
            }
        )

    def settle(self, close: list[float], rates: list[float]) -> None:
        """Funding on the units held: a long pays a positive rate."""
        for i in self.held():
            if not self.costs["funding"] or math.isnan(rates[i]):
                continue
            price = self.mark[i] if math.isnan(close[i]) else close[i]
            paid = self.units(i) * price * rates[i]
            self.cash -= paid
            self.totals["funding_usdt"] += paid
            for flows in (self.flow, self.trip_flow, self.trip_funding):
                flows[i] -= paid

    def mark_to(self, close: list[float]) -> None:
        """An absent bar leaves the last mark standing."""
        self.mark = [old if math.isnan(new) else new for old, new in zip(self.mark, close, strict=True)]

    def close_all(self, fee_frac: float) -> None:
        """The venue takes the book over at its marks; more than all cannot be lost."""
        gross = self.gross()
        self.cash = max(0.0, self.equity() - gross * fee_frac)
        self.totals["fee_usdt"] += gross * fee_frac
        self.totals["traded_usdt"] += gross
        self.positions = [dict(FLAT) for _ in self.steps]

    def needed(self, rate: float, tiers: list[list[tuple[float, float]]] | None) -> float:
        """Maintenance margin of all positions; with tiers, and the fee of closing them."""
        if tiers is None:
            return self.gross() * rate
        values = [(abs(self.value(i)), tiers[i]) for i in self.held()]
        return math.fsum(maintenance(value, rows) + value * self.costs["taker_fee_frac"] for value, rows in values)

    def wind_up(self) -> None:
        """Nothing is left."""
        self.cash = 0.0
        self.positions = [dict(FLAT) for _ in self.steps]
