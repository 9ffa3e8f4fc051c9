"""Does the account add up, in arithmetic that shares nothing with the ledger?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.research.check.subject import Books, ConfigSubject

Floats = NDArray[np.float64]

FEE_BPS = 5.5
ONLY_FEES = Costs(taker_bps=FEE_BPS, maker_bps=0.0, half_spread_bps=0.0, impact_y=0.0, funding=False)
DOUBLE_FEES = Costs(taker_bps=2 * FEE_BPS, maker_bps=0.0, half_spread_bps=0.0, impact_y=0.0, funding=False)


def carry_marks(close: Floats) -> Floats:
    """The last known close of each name at each bar; 0 before the first."""
    row = np.where(np.isnan(close), 0, np.arange(len(close))[:, None])
    np.maximum.accumulate(row, axis=0, out=row)
    return np.nan_to_num(np.take_along_axis(close, row, axis=0))


def _size(books: Books) -> float:
    """The account at its greatest: what rounding is measured by."""
    return max(books.cash_usdt, float(np.abs(books.equity).max()))


def identity_gap(panel: Panel, books: Books) -> float:
    """Greatest |equity - (cash paid and received at reference prices + values held - costs)|, of the account."""
    fills, bars = books.fills, books.bars
    if not bars:
        return 0.0
    flow = np.asarray(fills["units"]) * np.asarray(fills["reference_price"])
    spent = np.bincount(fills["bar"], flow, minlength=len(books.equity)).cumsum()
    held = np.einsum("tn,tn->t", books.units, carry_marks(panel.close))
    wanted = books.cash_usdt - spent + held - books.paid_usdt
    return float(np.abs(wanted - books.equity)[:bars].max() / _size(books))


def least_step(books: Books, costs: Costs) -> float:
    """Most that a line of costs ever fell, of the account. Funding and rebates may come in; nothing else may."""
    kinds = ["spread_usdt", "impact_usdt"]
    maker = costs.maker_share_frac * costs.maker_fee_frac
    if maker + (1.0 - costs.maker_share_frac) * costs.taker_fee_frac >= 0.0:
        kinds.append("fee_usdt")
    steps = [np.diff(books.paid[kind], prepend=0.0).min(initial=0.0) for kind in kinds]
    return float(max(0.0, -min(steps)) / _size(books))


def free_gap(books: Books) -> float:
    """What a run without costs was charged, of the cash."""
    return float(max(np.abs(line).max() for line in books.paid.values()) / books.cash_usdt)


def fee_rate_gap(single: Books, double: Books) -> float:
    """How far the fee per dollar traded is from the rate asked for, at one and at two times the rate."""
    gaps = []
    for books, costs in ((single, ONLY_FEES), (double, DOUBLE_FEES)):
        traded = float(books.traded[-1])
        rate = float(books.paid["fee_usdt"][-1]) / traded if traded else costs.taker_fee_frac
        gaps.append(abs(rate / costs.taker_fee_frac - 1.0))
    return max(gaps)


def same_fills_gap(subject: ConfigSubject, panel: Panel) -> tuple[float, int]:
    """How far the doubled fees are from twice the fees over the bars in which the same was filled; the fills."""
    fixed = subject.with_fixed_capital()
    single, double = (fixed.run(panel, costs) for costs in (ONLY_FEES, DOUBLE_FEES))
    other = np.flatnonzero((single.units != double.units).any(axis=1))
    rows = int(other[0]) if len(other) else min(single.bars, double.bars)
    fills = int((np.asarray(single.fills["bar"]) < rows).sum())
    once, twice = (books.paid["fee_usdt"][:rows] for books in (single, double))
    if not fills:
        return 0.0, 0
    return float(np.abs(twice - 2.0 * once).max() / once[-1]), fills
