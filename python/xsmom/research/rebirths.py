"""Names that come back as something else: another instrument under the old ticker, or a redenomination.

Between two bars that follow one another in a name, a price that is tenfold or a tenth is hardly a market's
doing. A position held through it makes a return that nobody could have had.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import Panel
from xsmom.domain.stamps import format_ms

JUMP_X = 10.0
_TOLD = 3


class Rebirth(NamedTuple):
    """One such place."""

    symbol: str
    close_ms: int
    absent_bars: int
    price_x: float


_BLOCK_BARS = 512
_known: WeakKeyDictionary[Panel, list[Rebirth]] = WeakKeyDictionary()


def find_rebirths(panel: Panel) -> list[Rebirth]:
    """Every place, by symbol and time; looked for once a panel, since panels do not change."""
    if panel not in _known:
        _known[panel] = _find(panel)
    return _known[panel]


def _suspects(panel: Panel) -> NDArray[np.int64]:
    """Columns with a gap or a jump: in blocks that stay in cache, since nearly all panels have none."""
    suspect = np.zeros(len(panel.symbols), dtype=bool)
    for start in range(0, panel.bars, _BLOCK_BARS):
        rows = slice(max(start - 1, 0), start + _BLOCK_BARS)
        close = panel.close[rows]
        bound = close[:-1] * JUMP_X
        for after in (panel.open[rows][1:], close[1:]):
            # Asked so that what is absent is suspect too.
            plain = (after <= bound) & (after * (JUMP_X * JUMP_X) >= bound)
            suspect |= ~plain.all(axis=0)
    return np.flatnonzero(suspect)


def _find(panel: Panel) -> list[Rebirth]:
    found: list[Rebirth] = []
    for column in _suspects(panel):
        symbol = panel.symbols[column]
        close = panel.close[:, column]
        rows = np.flatnonzero(~np.isnan(close))
        before, after = close[rows[:-1]], panel.open[rows[1:], column]
        ratio = np.maximum(after, close[rows[1:]]) / before, np.minimum(after, close[rows[1:]]) / before
        for k in np.flatnonzero((ratio[0] > JUMP_X) | (ratio[1] < 1.0 / JUMP_X)):
            row = int(rows[k + 1])
            jump = float(ratio[0][k] if ratio[0][k] > JUMP_X else ratio[1][k])
            found.append(Rebirth(symbol, int(panel.close_ms[row]), row - int(rows[k]) - 1, jump))
    return found


def tell_rebirths(panel: Panel) -> list[str]:
    """One sentence, loud enough, or none."""
    found = find_rebirths(panel)
    if not found:
        return []
    told = [
        f"{one.symbol} at {format_ms(one.close_ms)} is {one.price_x:,.3g} times its last price"
        + (f" after {one.absent_bars:,} absent bars" if one.absent_bars else "")
        for one in found[:_TOLD]
    ]
    more = f", and {len(found) - _TOLD:,} more" if len(found) > _TOLD else ""
    return [
        f"{'; '.join(told)}{more}: this looks like another instrument or a redenomination, and a position held "
        "through it makes a return that nobody could have had; end the old name with delisted_ms, or leave it out"
    ]
