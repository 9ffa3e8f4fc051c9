"""How the styles go about an order: how much of it is released by now, and how it is priced.

| style | released | priced |
|---|---|---|
| post_only, limit | all | resting; from the deadline on crossing |
| market | all | market |
| twap | slice by slice | crossing |
| vwap | a share of what the market has traded since; all from the deadline on | crossing |

Orders that have to get out (exits, flattening, trims) do not rest: they cross at once, and go to market when crossing
at a bounded price has not done it in time. An exit that a price inside a bar has touched goes to market at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xsmom.domain.orders import Purpose, Style, Task
from xsmom.domain.words import Word
from xsmom.engine.rules import Rules, WorkRules

_CROSS_MS, _CROSS_TRIES = 30_000, 3


class Pricing(Word):
    """How an order is priced."""

    REST = "rest"
    #: Immediate or cancelled, at a bounded price.
    CROSS = "cross"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a task would like to have out now, and when it will like something else."""

    lots: int
    pricing: Pricing
    until_ms: int


def urgent(task: Task) -> bool:
    """Whether it has to get out."""
    return task.approved.intent.purpose is not Purpose.REBALANCE


def deadline_ms(style: Style, now_ms: int, work: WorkRules) -> int:
    """When a task that starts now begins to cross with all that is left."""
    if style is Style.TWAP:
        return now_ms + work.twap_ms
    return now_ms + (work.vwap_ms if style is Style.VWAP else work.deadline_ms)


def ends_ms(task: Task, work: WorkRules) -> int:
    """When what is left is given up; the next plan counts anew."""
    return task.deadline_ms + max(_CROSS_MS, _CROSS_TRIES * work.reprice_ms)


def wish(task: Task, now_ms: int, rules: Rules, *, least: int, unit_usdt: float) -> Wish:
    """What a task would like now; `unit_usdt` is the worth of a lot, `least` the smallest order in lots."""
    work, style, total = rules.work, task.approved.intent.style, abs(task.approved.lots)
    if style is Style.MARKET or task.approved.intent.touch_price is not None:
        return Wish(total, Pricing.MARKET, ends_ms(task, work))
    if urgent(task):
        market_ms = task.started_ms + rules.gates.market_after_ms
        if style in {Style.TWAP, Style.VWAP}:
            market_ms += task.deadline_ms - task.started_ms
        if now_ms >= market_ms:
            return Wish(total, Pricing.MARKET, now_ms + work.reprice_ms)
        if style in {Style.POST_ONLY, Style.LIMIT}:
            return Wish(total, Pricing.CROSS, market_ms)
    if now_ms >= task.deadline_ms:
        return Wish(total, Pricing.CROSS, ends_ms(task, work))
    if style is Style.TWAP:
        slices = max(min(work.twap_slices, total // max(least, 1)), 1)
        gone = min((now_ms - task.started_ms) * slices // max(work.twap_ms, 1) + 1, slices)
        next_ms = task.started_ms + -(-gone * work.twap_ms // slices)
        return Wish(-(-total * gone // slices), Pricing.CROSS, next_ms)
    if style is Style.VWAP:
        share = work.vwap_participation_frac * task.seen_turnover_usdt
        lots = math.floor(share / unit_usdt) if unit_usdt > 0.0 else 0
        return Wish(min(lots, total), Pricing.CROSS, now_ms + work.reprice_ms)
    return Wish(total, Pricing.REST, task.deadline_ms)
