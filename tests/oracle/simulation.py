"""The whole strategy over a panel, slowly: docs/explanation/accounting.md with the twins of its parts.

Inside a bar: fills of what was decided before, funding and exits of the bar, mark, levels and exits at the close,
guards, decision, plan. Nothing is optimised; guards and records look at all of history every time.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.oracle import guards
from tests.oracle.account import FREE, Account, Order, exit_params, fine_steps
from tests.oracle.decision import decide
from tests.oracle.exits import FIRES_ONCE, bar_close_ms, close_bar, rung_cap_lots, touch_bar
from tests.oracle.features import feature_row, features, needed, ret_rows, returns
from tests.oracle.labels import Labels
from tests.oracle.loop import rebalances
from tests.oracle.moment import copy_state, first_state
from tests.oracle.params import DAY_MS, Params, bars_a_day
from tests.oracle.plan import plan
from tests.oracle.records import KINDS, barred, replay

Dict = dict[str, Any]

STOPS = FIRES_ONCE - {"take_profit"}
WEEK_MS = 7 * DAY_MS


@dataclass
class Setup:
    """What a run needs beside panel and parameters."""

    costs: Dict = field(default_factory=lambda: dict(FREE))
    fill_at: str = "open"
    delay_bars: int = 0
    cash_usdt: float = 10_000.0
    contracts: tuple[list[float], list[float]] | None = None
    maintenance_frac: float = 0.01
    tiers: list[list[tuple[float, float]]] | None = None


@dataclass
class Leg:
    """An order between its decision and its fill."""

    bar: int
    name: int
    lots: int
    reduce_only: bool
    atr: float


def dense_features(panel: Dict, params: Params, setup: Setup) -> dict[str, Any]:
    """Features of the decision, and those that exits and impact read."""
    p, names = params, needed(params)
    if p["stop_atr_x"] > 0.0 or p["catastrophic_atr_x"] > 0.0 or p["trailing_enabled"]:
        names = names | {"atr"}
    if p["trailing_enabled"] and p["trail_kind"] == "ma_atr":
        names = names | {"trail_ma"}
    if p["regime_flip_exit"]:
        names = names | {"slope_bps_day"}
    if setup.costs["impact_y"] > 0.0:
        names = names | {"adv_usdt"}
    return features(panel, params, names)


@dataclass
class Simulation:
    """A run in progress."""

    panel: Dict
    params: Params
    setup: Setup

    def __post_init__(self) -> None:
        panel, setup = self.panel, self.setup
        self.count = len(panel["symbols"])
        steps, self.least = setup.contracts or (fine_steps(panel, setup.cash_usdt), [0.0] * self.count)
        self.account = Account(self.params, setup.costs, list(steps), setup.cash_usdt)
        self.dense = dense_features(panel, self.params, setup)
        self.returns = returns(panel["close"])
        self.state = first_state(self.count, self.params["tranches"])
        self.labels = Labels(self.params, self.count)
        self.weights: Any = np.zeros(self.count)
        self.reasons = ["not_selected"] * self.count
        self.waiting: list[Leg] = []
        self.stale_bars = np.zeros(self.count, dtype=np.uint32)
        self.guards_on = guards.guards_on(self.params)
        self.guard, self.close_asked = "none", [False] * self.count
        self.paused_until_ms = [0] * self.count
        self.guard_events: list[tuple[str, Any]] = []
        self.exited, self.peak = False, setup.cash_usdt
        self.paid: list[tuple[int, float]] = []
        self.reason_counts: Counter[str] = Counter()
        self.decisions = self.guarded_bars = 0
        self.over: dict[str, int | None] = {"bankrupt_at": None, "liquidated_at": None}
        self.rows: dict[str, list[Any]] = {}

    # ---- the order of things inside a bar ------------------------------------------------------

    def run(self) -> Dict:
        """All bars; what a run was."""
        for t in range(len(self.panel["close_ms"])):
            if set(self.over.values()) == {None}:
                self.bar(t)
            self.note_bar()
        told = {name: np.array(rows) for name, rows in self.rows.items()} | {"labels": self.labels.report()}
        counts = {reason: n for reason, n in self.reason_counts.items() if n}
        facts = {"reason_counts": counts, "decisions": self.decisions, "guarded_bars": self.guarded_bars}
        return told | facts | self.over | {"fills": self.account.fills, "trips": self.account.trips}

    def bar(self, t: int) -> None:
        """One bar, in the order of the page."""
        account = self.account
        close_ms, close = int(self.panel["close_ms"][t]), self.panel["close"][t].tolist()
        at_close = self.setup.fill_at == "close"
        if not at_close:
            self.fill_waiting(t)
        # Funding falls on what is held before an exit inside the bar: the exit does not escape it.
        account.settle(close, self.panel["funding_frac"][t].tolist())
        self.exit_inside(t)
        account.mark_to(close)
        self.peak = max(self.peak, account.equity())
        self.leave_delisted(t)
        self.note_depth(t)
        if at_close:
            self.fill_waiting(t)
        self.survive(t)
        if set(self.over.values()) != {None}:
            return
        for i in account.held():
            account.positions[i], _ = close_bar(account.positions[i], self.bar_of(t, i), exit_params(self.params))
        self.watch(t, close_ms)
        self.decide_and_plan(t, close_ms)

    def bar_of(self, t: int, i: int) -> Dict:
        """One name's bar as exits read it."""
        close_ms = int(self.panel["close_ms"][t])
        bar: Dict = {"open_ms": close_ms - self.params["bar_ms"], "close_ms": close_ms}
        for name in ("open", "high", "low", "close"):
            bar[name] = float(self.panel[name][t, i])
        for name in ("atr", "trail_ma", "slope_bps_day"):
            bar[name] = self.feature(name, t, i)
        return bar

    def feature(self, name: str, t: int, i: int) -> float:
        """A feature of one name; NaN where nothing needs it."""
        return float(self.dense[name][t, i]) if name in self.dense else math.nan

    # ---- fills ---------------------------------------------------------------------------------

    def fill_price(self, t: int, i: int) -> float:
        """Open, close, or the proxy of the VWAP."""
        bar = self.bar_of(t, i)
        if self.setup.fill_at == "vwap":
            return float((bar["open"] + bar["high"] + bar["low"] + bar["close"]) / 4.0)
        return float(bar[self.setup.fill_at])

    def fill_ms(self, t: int) -> int:
        """When the fill is: at the open, at the close, or (VWAP) inside the bar."""
        close_ms = int(self.panel["close_ms"][t])
        return {"open": close_ms - int(self.params["bar_ms"]), "vwap": close_ms - 1, "close": close_ms}[
            self.setup.fill_at
        ]

    def fill_waiting(self, t: int) -> None:
        """Orders whose bar has come. An absent bar fills nothing; reduce-only never crosses 0."""
        due = [leg for leg in self.waiting if leg.bar <= t]
        self.waiting = [leg for leg in self.waiting if leg.bar > t]
        for leg in due:
            price = self.fill_price(t, leg.name)
            if not math.isnan(price):
                self.fill_leg(leg, price, self.fill_ms(t), t)

    def fill_leg(self, leg: Leg, price: float, at_ms: int, t: int) -> None:
        """Fill one leg at a price."""
        held, lots = self.account.lots(leg.name), leg.lots
        if leg.reduce_only:
            lots = max(lots, -held) if held > 0 else min(lots, -held)
            lots = lots if held * lots < 0 else 0
        self.account.fill(Order(leg.name, lots, price, leg.atr, at_ms), t)

    def note_depth(self, t: int) -> None:
        """Volatility and volume of a day, as last known before a fill: an outage forgets nothing."""
        root = math.sqrt(bars_a_day(self.params))
        for i in range(self.count):
            sigma_day, adv = self.feature("sigma", t, i) * root, self.feature("adv_usdt", t, i)
            if sigma_day >= 0.0 and adv > 0.0:
                self.account.depth[i] = (sigma_day, adv)

    # ---- exits, survival, guards ---------------------------------------------------------------

    def exit_inside(self, t: int) -> None:
        """Stops and rungs that the bar touches; what was ordered for such a name is not meant any more."""
        account, close_ms = self.account, int(self.panel["close_ms"][t])
        for i in account.held():
            side = 0 if account.lots(i) > 0 else 1
            account.positions[i], exits = touch_bar(account.positions[i], self.bar_of(t, i), exit_params(self.params))
            for told in exits:
                account.fill(Order(i, told["lots"], told["price"], math.nan, close_ms - 1, told["reason"]), t)
                if told["reason"] in STOPS:
                    at_ms = bar_close_ms(close_ms - 1, self.params["bar_ms"])
                    account.facts.append({"kind": "stop", "symbol": i, "side": side, "at_ms": at_ms})
                    self.state["awaiting_reentry"][i][side] = True
                    self.guard_events.append(("stop", close_ms))
            if exits:
                self.exited = True
                self.waiting = [leg for leg in self.waiting if leg.name != i]

    def leave_delisted(self, t: int) -> None:
        """A position in a delisted name is closed at its last price, five per cent to its loss."""
        account, close_ms = self.account, int(self.panel["close_ms"][t])
        for i in account.held():
            if int(self.panel["delisted_ms"][i]) <= close_ms:
                lots = -account.lots(i)
                price = account.mark[i] * (0.95 if lots < 0 else 1.05)
                account.fill(Order(i, lots, price, math.nan, close_ms - 1, "delisted"), t)
                self.exited = True
                self.waiting = [leg for leg in self.waiting if leg.name != i]

    def survive(self, t: int) -> None:
        """Bankruptcy and liquidation end the run."""
        equity = self.account.equity()
        if equity <= 0.0:
            self.account.wind_up()
            self.over["bankrupt_at"] = t
        elif self.account.needed(self.setup.maintenance_frac, self.setup.tiers) >= equity:
            self.account.close_all(self.setup.costs["taker_fee_frac"])
            self.over["liquidated_at"] = t

    def watch(self, t: int, close_ms: int) -> None:
        """The guards that are on; what they say stands until the next close."""
        if not self.guards_on:
            return
        account, equity = self.account, self.account.equity()
        rows = ret_rows(self.params)
        past = self.returns[max(0, t + 1 - rows) : t + 1]
        before = np.full((rows - len(past), self.count), math.nan)
        now = {
            "at_ms": close_ms,
            "unit_value": equity / self.setup.cash_usdt,
            "equity_usdt": equity,
            "symbol_result_usdt": [account.flow[i] + account.value(i) for i in range(self.count)],
            "trade_result_usdt": [
                account.trip_flow[i] + account.value(i) if account.lots(i) else 0.0 for i in range(self.count)
            ],
            "exposure_frac": [account.value(i) / equity for i in range(self.count)],
            "ret_window": np.concatenate([before, past]).tolist() if "cvar" in self.guards_on else [],
        }
        self.guard_events.append(("moment", now))
        self.guard = "none"
        for name in self.guards_on:
            standing = self.read_guard(name, now)
            action = {"fired": guards.BOOK_ACTION[name], "unknown": "block_entries"}.get(standing, "none")
            self.guard = max(self.guard, action, key=guards.STRICTNESS.index)
        self.guarded_bars += self.guard != "none"

    def read_guard(self, name: str, now: Dict) -> str:
        """How one guard stands; pauses and closes of single names are taken over."""
        events, params = self.guard_events, self.params
        if name in {"daily_loss", "emergency_loss"}:
            return guards.day_guard(events, params, name, now).standing
        if name in {"drawdown", "longterm_drawdown"}:
            return guards.peak_guard(events, params, name, now).standing
        if name == "cvar":
            return guards.cvar_guard(params, now).standing
        if name == "stop_cluster":
            return guards.cluster_guard(events, params, now).standing
        if name == "trade_loss":
            read, close = guards.trade_guard(events, params, now)
            self.close_asked = [asked and self.account.lots(i) != 0 for i, asked in enumerate(close)]
            return read.standing
        read, self.paused_until_ms = guards.symbol_guard(events, params, now)
        return read.standing

    # ---- decision and plan ---------------------------------------------------------------------

    def decide_and_plan(self, t: int, close_ms: int) -> None:
        """Targets at a rebalance bar; between them the plan runs where an exit or a guard acts."""
        account = self.account
        close = self.panel["close"][t]
        self.stale_bars = np.where(np.isnan(close), self.stale_bars + 1, 0).astype(np.uint32)
        self.paid.append((close_ms, account.paid()))
        rebalance = rebalances(close_ms, self.params)
        self.labels.observe(close_ms, close)
        if rebalance:
            self.decide(t, close_ms)
        busy = bool(account.held() or self.waiting)
        acting = self.exited or self.guard != "none" or any(self.closing())
        if rebalance or (busy and acting):
            self.plan(t, rebalance=rebalance)
            self.exited = False

    def closing(self) -> list[bool]:
        """Names that are to be closed whatever their target."""
        asked = zip(self.account.positions, self.close_asked, strict=True)
        return [position["closing"] is not None or by_guard for position, by_guard in asked]

    def sizing(self) -> float:
        """Equity that may be used."""
        usable, bound = self.account.equity() * self.params["capital_frac"], self.params["capital_usdt_max"]
        return float(min(usable, bound) if bound > 0.0 else usable)

    def decide(self, t: int, close_ms: int) -> None:
        """One decision on the book as it is."""
        row = feature_row(self.panel, self.dense, self.params, t)
        facts = {name: self.panel[name] for name in ("symbols", "listed_ms", "delisted_ms")}
        book = self.book_row(t, close_ms) | {"meta_scale": self.labels.scales(row)}
        self.weights, self.reasons, after = decide(row, book, self.state, self.params, facts)
        self.labels.enter(row, self.weights, self.reasons)
        self.state = copy_state(after)
        self.reason_counts.update(self.reasons)
        self.decisions += 1

    def book_row(self, t: int, close_ms: int) -> Dict:
        """What the decision reads of this book."""
        account, sizing, count = self.account, self.sizing(), self.count
        equity, close = account.equity(), self.panel["close"][t]
        until_ms, by = self.barred(close_ms)
        caps = [rung_cap_lots(position, exit_params(self.params)) for position in account.positions]
        lot = [account.steps[i] * account.mark[i] for i in range(count)]
        least = [max(self.least[i], account.steps[i] * close[i]) if self.setup.contracts else 0.0 for i in range(count)]
        return {
            "close_ms": close_ms,
            "equity_usdt": equity,
            "unit_value": equity / self.setup.cash_usdt,
            "unit_value_peak": self.peak / self.setup.cash_usdt,
            "guard": self.guard,
            "weight_now_frac": np.array([account.value(i) / sizing for i in range(count)]),
            "stale_bars": self.stale_bars.copy(),
            "hold": np.zeros(count, dtype=bool),
            "barred_until_ms": until_ms,
            "barred_by": by,
            "rung_cap_frac": np.array(
                [math.inf if cap is None else cap * (1.0 + 1e-12) * lot[i] / sizing for i, cap in enumerate(caps)]
            ),
            "order_usdt_min": np.array(least),
        }

    def barred(self, close_ms: int) -> tuple[Any, Any]:
        """Sides that may not be entered: until when, and why."""
        records = replay(self.account.facts, self.count, exit_params(self.params))
        for i, until in enumerate(self.paused_until_ms):
            records["until_ms"][i]["symbol_loss"] = [until, until]
        told = [barred(records, i, close_ms) for i in range(self.count)]
        until_ms = np.array([[until for until, _ in sides] for sides in told], dtype=np.int64)
        by = [[0 if why is None else 1 + KINDS.index(why) for _, why in sides] for sides in told]
        return until_ms, np.array(by, dtype=np.uint8)

    def cost_week_frac(self) -> float:
        """Costs of the newest seven days as a share of equity."""
        now_ms, paid = self.paid[-1]
        before = [known for at_ms, known in self.paid if at_ms <= now_ms - WEEK_MS]
        return float((paid - (before[-1] if before else 0.0)) / self.account.equity())

    def plan(self, t: int, *, rebalance: bool) -> None:
        """From targets to orders; what waits counts as done."""
        account, count = self.account, self.count
        lots = [account.lots(i) for i in range(count)]
        for leg in self.waiting:
            lots[leg.name] += leg.lots
        close = self.panel["close"][t].tolist()
        case = {
            "reason": self.reasons,
            "weight_frac": [float(weight) for weight in self.weights],
            "lots": lots,
            "price": close,
            "mark": account.mark,
            "closing": self.closing(),
            "qty_step": account.steps,
            "notional_usdt_min": self.least,
            "lots_max": [],
            "sizing_usdt": self.sizing(),
            "guard": self.guard,
            "rebalance": rebalance,
            "cost_week_frac": self.cost_week_frac(),
        }
        lag = self.setup.delay_bars + (self.setup.fill_at != "close")
        for i, ordered, reduce_only in plan(case, self.params)["legs"]:
            leg = Leg(t + lag, i, ordered, reduce_only, self.feature("atr", t, i))
            if lag:
                self.waiting.append(leg)
            else:
                self.fill_leg(leg, close[i], self.fill_ms(t), t)

    def note_bar(self) -> None:
        """What the run tells of each close."""
        account = self.account
        told: Dict = {"equity_usdt": account.equity(), "gross_usdt": account.gross(), "net_usdt": account.net()}
        told |= account.totals | {"units": [account.units(i) for i in range(self.count)]}
        for name, value in told.items():
            self.rows.setdefault(name, []).append(value)


def simulate(panel: Dict, params: Params, setup: Setup) -> Dict:
    """Run the strategy over the panel."""
    return Simulation(panel, params, setup).run()
