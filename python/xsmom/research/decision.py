"""One decision of the core, with all that went into it: at any time of any panel."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np

from xsmom.domain.panel import Floats, Panel
from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import format_timeframe
from xsmom.errors import DataError
from xsmom.kernel import REASONS, Params, decide, features_last, model_book, warmup_bars
from xsmom.research.cross_section import Fields, tranche_number

Held = Literal["long", "short"]

SIGNS = {"long": 1.0, "short": -1.0}
_SYMBOLS_TOLD = 6


@dataclass(frozen=True)
class Decision:
    """Inputs and outputs of one decision; `panel` ends at the bar that was decided."""

    panel: Panel
    params: Fields
    row: Fields
    book: str
    equity_usdt: float
    weight_before_frac: Floats
    stale_bars: Any
    state_before: Fields
    state: Fields
    weight_frac: Floats
    reasons: tuple[str, ...]
    meta_scale: Floats
    labels: Fields | None

    @property
    def close_ms(self) -> int:
        """Close of the bar that was decided."""
        return int(self.row["close_ms"])

    @property
    def settled(self) -> bool:
        """Were there as many bars as the features look back on?"""
        return self.panel.bars >= warmup_bars(Params(**self.params))


def decide_at(panel: Panel, params: Fields, at_ms: int | None = None) -> Decision:
    """Decide at the last rebalance at or before `at_ms` (the newest bar without it), with the model book.

    The model book is the decision walked from the panel's start with perfect fills, so that its
    hysteresis, tranches and membership are those that a running book would have.
    """
    check_clock(panel, params)
    cut = panel.slice(0, 1 + rebalance_at(panel, params, at_ms))
    core = Params(**params)
    book = model_book(cut, core)
    decision = Decision(
        panel=cut,
        params=params,
        row=features_last(cut, core),
        book="model book",
        equity_usdt=float(book["equity_usdt"]),
        weight_before_frac=book["weight_before_frac"],
        stale_bars=book["stale_bars"],
        state_before=book["state_before"],
        state=book["state"],
        weight_frac=book["weight_frac"],
        reasons=tuple(REASONS[int(code)] for code in book["reasons"]),
        meta_scale=book["meta_scale"],
        labels=book["labels"],
    )
    if np.isnan(decision.row["score"]).all():
        raise DataError(_too_short(panel, cut, core))
    return decision


def hold_alone(decision: Decision, symbol: str, held: Held) -> Decision:
    """The same moment with a flat book but for `symbol`, held on that side at its share of the gross.

    Universe and router stay as the model book has them; `symbol` counts as a member.
    """
    params, names = decision.params, len(decision.panel.symbols)
    i = find_symbol(decision.panel, symbol)
    most = params["weight_long_max_frac" if held == "long" else "weight_short_max_frac"]
    weight = SIGNS[held] * min(params["gross_x"] / 2 / params["k_max"], most)
    alone = np.zeros(names)
    alone[i] = weight
    member = decision.state_before["member"].copy()
    member[i] = True
    state = {
        **decision.state_before,
        "tranche_weight": np.tile(alone, (params["tranches"], 1)),
        "member": member,
        "awaiting_reentry": np.zeros((names, 2), dtype=bool),
    }
    book = blank_book(decision, alone)
    weights, codes, after = decide(dict(decision.row), book, state, Params(**params), decision.panel)
    return Decision(
        panel=decision.panel,
        params=params,
        row=decision.row,
        book=f"flat but for {decision.panel.symbols[i]}, held {held} at {weight:+.2%}",
        equity_usdt=decision.equity_usdt,
        weight_before_frac=alone,
        stale_bars=decision.stale_bars,
        state_before=state,
        state=after,
        weight_frac=weights,
        reasons=tuple(REASONS[int(code)] for code in codes),
        meta_scale=decision.meta_scale,
        labels=decision.labels,
    )


def blank_book(decision: Decision, weights: Floats) -> dict[str, Any]:
    """A book that holds `weights`, without stops, bans, guards or minimum sizes in force."""
    names = weights.size
    return {
        "close_ms": decision.close_ms,
        "equity_usdt": decision.equity_usdt,
        "unit_value": 1.0,
        "unit_value_peak": 1.0,
        "guard": "none",
        "weight_now_frac": weights,
        "stale_bars": decision.stale_bars,
        "hold": np.zeros(names, dtype=bool),
        "barred_until_ms": np.zeros((names, 2), dtype=np.int64),
        "barred_by": np.zeros((names, 2), dtype=np.uint8),
        "rung_cap_frac": np.full(names, np.inf),
        "meta_scale": decision.meta_scale,
        "order_usdt_min": np.zeros(names),
    }


def renewed_tranche(decision: Decision) -> int:
    """Number of the tranche that this decision renewed."""
    return tranche_number(decision.close_ms, decision.params)


def check_clock(panel: Panel, params: Fields) -> None:
    """Refuse bars of another length than the configuration counts in."""
    if panel.bar_ms != params["bar_ms"]:
        bar, wanted = format_timeframe(panel.bar_ms), format_timeframe(params["bar_ms"])
        raise DataError(
            f"the panel has bars of {bar}, the configuration counts bars of {wanted}: choose another "
            f"panel or configuration, or --set strategy.timeframe={bar} and look at its look-backs"
        )


def rebalance_at(panel: Panel, params: Fields, at_ms: int | None) -> int:
    """Row of the last bar at or before `at_ms` at which targets are decided."""
    t = panel.bars - 1 if at_ms is None else row_at(panel, at_ms)
    behind = (int(panel.close_ms[t]) // panel.bar_ms - params["rebalance_offset_bars"]) % params["rebalance_bars"]
    if behind > t:
        raise DataError(
            f"no rebalance falls between the panel's start and {format_ms(int(panel.close_ms[t]))}: "
            f"targets are decided every {params['rebalance_bars']} bars; ask for a later time"
        )
    return int(t - behind)


def row_at(panel: Panel, at_ms: int) -> int:
    """Row of the last bar that had closed at `at_ms`."""
    first, last = int(panel.close_ms[0]), int(panel.close_ms[-1])
    if not first <= at_ms < last + panel.bar_ms:
        raise DataError(
            f"{format_ms(at_ms)} is outside the panel, whose bars close from {format_ms(first)} "
            f"to {format_ms(last)}: choose a time in between"
        )
    return (at_ms - first) // panel.bar_ms


def find_symbol(panel: Panel, symbol: str) -> int:
    """Column of `symbol`, in whatever case it is written; an unknown one is told its nearest."""
    wanted = symbol.upper()
    upper = [name.upper() for name in panel.symbols]
    if wanted in upper:
        return upper.index(wanted)
    near = get_close_matches(wanted, upper, n=1, cutoff=0.0)
    nearest = panel.symbols[upper.index(near[0])] if near else panel.symbols[0]
    some = ", ".join(panel.symbols[:_SYMBOLS_TOLD]) + (", ..." if len(panel.symbols) > _SYMBOLS_TOLD else "")
    raise DataError(
        f"{symbol} is not in the panel; the nearest name is {nearest} (its {len(panel.symbols)} symbols: {some})"
    )


def _too_short(panel: Panel, cut: Panel, core: Params) -> str:
    at = format_ms(int(cut.close_ms[-1]))
    needed = warmup_bars(core)
    if cut.bars >= needed:
        return (
            f"no name has the history for a score at {at}, though {cut.bars} bars are there: look at the panel's gaps"
        )
    more = f"ask for a time from {format_ms(int(panel.close_ms[0]) + (needed - 1) * panel.bar_ms)} on"
    if panel.bars < needed:
        more = "give a longer panel, or shorter look-backs"
    return f"not enough history at {at}: {needed} bars are needed, {cut.bars} are there; {more}"
