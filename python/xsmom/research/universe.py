"""Who may be traded at one time, and why not: the core's own eligibility, name by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from xsmom.domain.panel import NEVER_MS, Panel
from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import DAY_MS
from xsmom.errors import KernelError
from xsmom.kernel import REASON_TEXTS, Params, features_last
from xsmom.research.cross_section import Fields
from xsmom.research.decision import Decision, decide_at
from xsmom.research.rungs import volume_rank

INELIGIBLE = frozenset(
    {
        "operator_hold", "not_listed", "delisted", "excluded", "not_included", "no_data", "stale", "stale_too_long",
        "too_young", "price_too_low", "volume_too_low", "outside_top_n", "short_history", "flat_price", "too_small",
    }
)  # fmt: skip
"""Reasons by which the core says that a name is not in its universe (manual: the decision, section 2)."""


@dataclass(frozen=True)
class Member:
    """One name of the panel at that time; what is not known is None."""

    symbol: str
    eligible: bool
    reason: str
    sentence: str
    rank: int | None
    dollar_volume_usdt: float | None
    age_days: float | None
    close: float | None
    listed_ms: int
    delisted_ms: int | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        told = dict(vars(self))
        told["listed"] = format_ms(self.listed_ms)
        told["delisted"] = None if self.delisted_ms is None else format_ms(self.delisted_ms)
        return told


@dataclass(frozen=True)
class Universe:
    """The mask of one decision, with its reasons."""

    decided_ms: int
    label: str
    members: tuple[Member, ...]

    @property
    def eligible(self) -> int:
        """How many may be traded."""
        return sum(member.eligible for member in self.members)


def universe_at(panel: Panel, params: Fields, at_ms: int | None = None) -> Universe:
    """The universe of the last decision at or before `at_ms` (the newest bar without it)."""
    decision = _with_volume(decide_at(panel, params, at_ms))
    members = tuple(_describe(decision, i) for i in range(len(panel.symbols)))
    order = sorted(members, key=lambda member: (not member.eligible, member.rank or math.inf, member.symbol))
    return Universe(decision.close_ms, panel.label, tuple(order))


def _with_volume(decision: Decision) -> Decision:
    """The same with dollar volumes also where no rule of the configuration asks for them, if windows allow."""
    if "dollar_volume_usdt" in decision.row:
        return decision
    asking = Params(**{**decision.params, "universe_top_n": len(decision.panel.symbols)})
    try:
        volume = features_last(decision.panel, asking)["dollar_volume_usdt"]
    except KernelError:
        return decision  # bars so short that the days in its median are more than the core looks back on
    return replace(decision, row={**decision.row, "dollar_volume_usdt": volume})


def _describe(decision: Decision, i: int) -> Member:
    panel, row, reason = decision.panel, decision.row, decision.reasons[i]
    listed, delisted = int(panel.listed_ms[i]), int(panel.delisted_ms[i])
    volume = row.get("dollar_volume_usdt")
    eligible = reason not in INELIGIBLE
    return Member(
        symbol=panel.symbols[i],
        eligible=eligible,
        reason=reason,
        sentence="" if eligible else REASON_TEXTS[reason],
        rank=None if volume is None else _whole(volume_rank(decision, i)),
        dollar_volume_usdt=None if volume is None else _known(float(volume[i])),
        age_days=(decision.close_ms - listed) / DAY_MS if listed <= decision.close_ms else None,
        close=_known(float(row["close"][i])),
        listed_ms=listed,
        delisted_ms=None if delisted == NEVER_MS else delisted,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _whole(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None
