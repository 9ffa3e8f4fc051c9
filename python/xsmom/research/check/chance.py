"""Shuffled names: what was foretold of one name happens to another, so nothing may be earned but by luck.

At every bar the moves of all present names are dealt out among them anew. Given all that came before,
each name then moves by their mean m in expectation, so that

    excess(t) = (change of equity + costs of the bar - Σ units·price(t-1)·m(t)) / equity(t-1)

is a fair bet of each bar, whatever the rule; the last term is what the book made by being net long or
short. The sum of fair bets over the root of the sum of their squares is close to a standard normal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xsmom.config.meaning import FillAt
from xsmom.domain.panel import NEVER_MS, Panel
from xsmom.research.check.account import carry_marks
from xsmom.research.check.subject import ConfigSubject, Subject

Floats = NDArray[np.float64]


class Shuffled(NamedTuple):
    """A market of dealt moves, and the mean move of every bar."""

    panel: Panel
    mean_move: Floats


class Luck(NamedTuple):
    """Runs over shuffled markets: what was left after costs, and how many standard errors from nothing."""

    errors: float
    net_frac: float
    cost_frac: float
    market_frac: float


def shuffle_names(panel: Panel, rng: np.random.Generator) -> Shuffled:
    """Deal each bar's moves out to other names; every bar opens where the last one closed."""
    rows, names = panel.close.shape
    marks = carry_marks(panel.close)
    before = np.vstack([np.zeros(names), marks[:-1]])
    present = ~np.isnan(panel.close) & (before > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = {name: getattr(panel, name) / before for name in ("high", "low", "close")}
    level = np.nan_to_num(panel.close[0])
    cells: dict[str, Any] = {name: np.full((rows, names), np.nan) for name in ("open", "high", "low", "close")}
    mean_move = np.zeros(rows)
    for t in range(rows):
        here = np.flatnonzero(present[t])
        dealt = rng.permutation(here)
        born = np.flatnonzero(~np.isnan(panel.close[t]) & ~present[t])
        level[born] = panel.close[t, born]
        for cell in cells.values():
            cell[t, born] = level[born]
        if not len(here):
            continue
        start = level[here].copy()
        cells["open"][t, here] = start
        cells["high"][t, here] = start * np.maximum(moves["high"][t, dealt], 1.0)
        cells["low"][t, here] = start * np.minimum(moves["low"][t, dealt], 1.0)
        level[here] = cells["close"][t, here] = start * moves["close"][t, dealt]
        mean_move[t] = moves["close"][t, here].mean() - 1.0
    alive = np.full(names, NEVER_MS)
    return Shuffled(replace(panel, delisted_ms=alive, known_hash="", **cells), mean_move)


def try_luck(subject: Subject, market: Shuffled) -> tuple[Floats, Luck]:
    """Run over one shuffled market: every bar's excess, and the sums."""
    fair = subject.without_exits() if isinstance(subject, ConfigSubject) else subject
    # Inside a bar there is no fair price: a VWAP fill becomes one at the open of the same bar.
    at: FillAt = "close" if fair.timing.fill_at == "close" else "open"
    books = fair.run(market.panel, fair.costs, fair.timing._replace(fill_at=at))
    held = books.units.copy()
    if at == "close":
        held = np.vstack([np.zeros(held.shape[1]), held[:-1]])
    marks = carry_marks(market.panel.close)
    before = np.vstack([np.zeros(held.shape[1]), marks[:-1]])
    absent = np.isnan(market.panel.close)
    drift = np.einsum("tn,tn->t", np.where(absent, 0.0, held), before) * market.mean_move
    paid = np.diff(books.paid_usdt, prepend=0.0)
    equity = np.concatenate([[books.cash_usdt], books.equity])
    live = slice(0, books.bars)
    excess = ((np.diff(equity) + paid - drift)[live]) / equity[:-1][live]
    share = 1.0 / equity[:-1][live]
    sums = Luck(0.0, float((np.diff(equity)[live] * share).sum()), float((paid[live] * share).sum()), 0.0)
    return excess, sums._replace(market_frac=float((drift[live] * share).sum()))


def pool(tries: list[tuple[Floats, Luck]]) -> Luck:
    """All shuffles together."""
    excess = np.concatenate([found for found, _ in tries])
    spread = float(np.sqrt((excess**2).sum()))
    errors = float(excess.sum() / spread) if spread > 0 else 0.0
    net, cost, market = (float(np.mean([luck[k] for _, luck in tries])) for k in (1, 2, 3))
    return Luck(errors, net, cost, market)
