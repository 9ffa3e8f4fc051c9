"""Every setting of `execution` that may be written changes what goes out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import xsmom as xs
from tests.orders.stage import SYMBOLS, Stage, view
from xsmom.config.tree import tree
from xsmom.domain.effects import AmendOrder, CancelOrder, Effect, FetchDepth, SendOrder
from xsmom.domain.events import Ask, DepthSeen
from xsmom.domain.market_data import DepthSight
from xsmom.domain.trading import Ack, OrderState, TimeInForce
from xsmom.engine import execution
from xsmom.engine.rules import Rules

Settings = dict[str, Any]

TWAP: Settings = {"execution.style": "twap"}
VWAP: Settings = {"execution.style": "vwap"}
OFFSET: Settings = {"execution.dynamic_offset.enabled": True, "execution.spread_guard.enabled": False}
PATIENT: Settings = {"execution.deadline_seconds": 900, "execution.reprice_seconds": 900}
LEANING: Settings = {"execution.imbalance_guard.enabled": True}

#: (what must be set for the key to count, the changed value)
ROWS: dict[str, tuple[Settings, Any]] = {
    "execution.style": ({}, "market"),
    "execution.deadline_seconds": ({}, 60),
    "execution.reprice_seconds": ({}, 30),
    "execution.max_cross_bps": ({}, 60),
    "execution.min_notional_usdt": ({}, 12),
    "execution.max_order_usdt": ({}, 100),
    "execution.twap.slices": (TWAP, 4),
    "execution.twap.minutes": (TWAP, 2),
    "execution.vwap.participation_pct": (VWAP, 5),
    "execution.vwap.max_minutes": (VWAP, 1),
    "execution.dynamic_offset.enabled": ({"execution.spread_guard.enabled": False}, True),
    "execution.dynamic_offset.base_bps": (OFFSET, 12.0),
    "execution.dynamic_offset.per_spread_coeff": (OFFSET, 3.0),
    "execution.dynamic_offset.max_offset_bps": ({**OFFSET, "execution.dynamic_offset.per_spread_coeff": 3.0}, 60.0),
    "execution.spread_guard.enabled": ({}, False),
    "execution.spread_guard.max_spread_bps": ({}, 60),
    "execution.imbalance_guard.enabled": ({}, True),
    "execution.imbalance_guard.max_imbalance": (LEANING, 0.9),
    "execution.imbalance_guard.levels": (LEANING, 2),
    "execution.stale_orders.enabled": (PATIENT, False),
    "execution.stale_orders.interval_seconds": (PATIENT, 15),
    "execution.stale_orders.max_age_seconds": (PATIENT, 90),
    "execution.stale_orders.reprice_if_far_bps": (PATIENT, 5_000),
}


def played(settings: Settings) -> list[Effect]:
    """Four entries in a market that rises: makers are not met, takers get half."""
    stage = Stage(rules=Rules.of(xs.load_config(None, set=settings, env={})))
    style = stage.rules.work.style
    for symbol in SYMBOLS:
        stage.price(symbol, 100.0, 100.4 if symbol == SYMBOLS[3] else 100.1, turnover_usdt_day=1e6)
    legs = [stage.approve(lots, symbol, style) for lots, symbol in zip((300, -300, 10, 100), SYMBOLS, strict=True)]
    answer(stage, stage.start(*legs))
    for second in range(250):
        if second % 20 == 19:
            for symbol in SYMBOLS:
                now = stage.book.quotes[symbol]
                stage.price(symbol, float(now.bid or 0) + 0.1, float(now.ask or 0) + 0.1, 1e6)
        answer(stage, stage.tick(1_000))
    return [one for one in stage.effects if isinstance(one, SendOrder | AmendOrder | CancelOrder)]


def answer(stage: Stage, effects: list[Effect]) -> None:
    """The venue answers each step before the next."""
    waiting = list(effects)
    while waiting:
        effect = waiting.pop(0)
        if isinstance(effect, SendOrder):
            order = stage.book.orders[effect.request.client_order_id]
            if order.request.time_in_force is not TimeInForce.IOC:
                waiting += stage.update(view(order, OrderState.WORKING))
                continue
            half = order.request.lots // 2
            waiting += stage.fill(order, half)
            waiting += stage.update(view(order, OrderState.CANCELLED, half))
        elif isinstance(effect, CancelOrder):
            order = stage.book.orders[effect.client_order_id]
            waiting += stage.update(view(order, OrderState.CANCELLED, order.filled_lots))
        elif isinstance(effect, AmendOrder):
            waiting += stage.reply(effect.request.client_order_id, Ack("", "", 0), Ask.AMEND)
        elif isinstance(effect, FetchDepth):
            # Two levels that agree, and behind them ten times as much is asked as bid.
            asked = effect.levels * (1 if effect.levels <= 2 else 10)
            seen = DepthSeen(DepthSight(effect.symbol, stage.now_ms, Decimal(effect.levels), Decimal(asked)))
            waiting += stage._play(lambda turn, seen=seen: execution.on_depth(turn, seen))


def test_every_setting_has_a_row() -> None:
    rooms = ("execution.sentinel.", "execution.reconcile.")  # settings of other rooms
    keys = {
        key.name
        for key in tree().keys.values()
        if key.available and key.name.startswith("execution.") and not key.name.startswith(rooms)
    }
    assert keys == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_setting_changes_what_goes_out(name: str) -> None:
    company, changed = ROWS[name]
    assert company.get(name, tree().keys[name].default) != changed
    before, after = played(company), played({**company, name: changed})
    assert before != after, f"{name} = {changed} changes nothing"


def test_the_same_settings_do_the_same() -> None:
    assert played(TWAP) == played(TWAP)
