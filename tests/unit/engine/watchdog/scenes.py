"""Positions, stops and looks, as the watchdog gets to see them."""

from __future__ import annotations

from decimal import Decimal

from xsmom.domain.market_data import Instrument, Trading
from xsmom.domain.trading import OrderState, OrderView, PositionView, Trigger, TriggerBy
from xsmom.engine.watchdog import Beat, Look, Watch, WatchRules, judge, listen

RULES = WatchRules()
T0 = 1_700_000_000_000


def contract(symbol: str, *, lots_max: int = 1_000_000, market: int = 500_000) -> Instrument:
    return Instrument(
        symbol, symbol[:3], "USDT", Decimal("0.1"), Decimal("0.001"), 1, lots_max, market, Decimal(5), Decimal(1),
        Decimal(50), 28_800_000, Trading.OPEN, 0,
    )  # fmt: skip


def position(symbol: str = "BTCUSDT", lots: int = 100, *, stop: int | None = None, **more) -> PositionView:
    long = lots > 0
    fields = {
        "symbol": symbol,
        "lots": lots,
        "entry_price": Decimal(100),
        "mark_price": Decimal(100),
        "unrealised_usdt": Decimal(0),
        "initial_margin_usdt": Decimal(2),
        "maintenance_margin_usdt": Decimal(1),
        "liquidation_price": Decimal(50) if long else Decimal(150),
        "leverage_x": Decimal(5),
        "stop_loss_ticks": (950 if long else 1_050) if stop is None else stop or None,
        "take_profit_ticks": None,
        "seq": 1,
        "at_ms": T0,
    }
    return PositionView(**{**fields, **more})


def order(symbol: str = "BTCUSDT", lots: int = -100, **more) -> OrderView:
    """A stop of the position, unless told otherwise."""
    falling = lots < 0
    fields = {
        "order_id": f"id-{symbol}-{lots}",
        "client_order_id": "",
        "symbol": symbol,
        "lots": lots,
        "filled_lots": 0,
        "average_price": None,
        "price_ticks": None,
        "trigger": Trigger(950 if falling else 1_050, TriggerBy.MARK, rising=not falling),
        "reduce_only": True,
        "of_position": True,
        "state": OrderState.UNTRIGGERED,
        "reason": "",
        "created_ms": T0,
        "at_ms": T0,
    }
    return OrderView(**{**fields, **more})


def look(positions, orders, *, now_ms: int = T0, why: str = "", ignored=()) -> Look:
    symbols = {one.symbol for one in (*(positions or ()), *(orders or ()))}
    return Look(
        now_ms,
        None if positions is None else tuple(positions),
        None if orders is None else tuple(orders),
        {symbol: contract(symbol) for symbol in symbols},
        frozenset(ignored),
        why,
    )


def guarded(*symbols: str) -> Look:
    """Positions that are covered."""
    names = symbols or ("BTCUSDT", "ETHUSDT")
    lots = [100 if at % 2 == 0 else -100 for at in range(len(names))]
    return look(
        [position(name, size) for name, size in zip(names, lots, strict=True)],
        [order(name, -size) for name, size in zip(names, lots, strict=True)],
    )


def beat(at_ms: int = T0, *, seq: int = 1, kill: bool = False) -> Beat:
    return Beat(at_ms, 7, seq, kill)


class Walk:
    """Rounds of the policy, as the process makes them, with everything that was done."""

    def __init__(self, rules: WatchRules = RULES, start_ms: int = T0) -> None:
        self.rules, self.now_ms = rules, start_ms
        self.watch = Watch(watched_ms=start_ms, round_ms=start_ms)
        self.beat: Beat | None = beat(start_ms)
        self.latched = False
        self.done: list = []

    def to(self, second: float, seen: Look | None = None, *, step_s: float = 5.0) -> list:
        """Go on to a time since the start; what was done on the way. Every round sees `seen`."""
        done: list = []
        end_ms = T0 + round(second * 1_000)
        while self.now_ms < end_ms:
            self.now_ms = min(self.now_ms + round(step_s * 1_000), end_ms)
            self.watch, actions = listen(self.watch, self.beat, self.now_ms, self.rules, latched=self.latched)
            done += actions
            if seen is not None:
                self.watch, actions = judge(self.watch, seen, self.now_ms, self.rules)
                done += actions
        self.done += done
        return done
