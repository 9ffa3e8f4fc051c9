"""Names that come back as something else: another instrument under the old ticker, or a redenomination.

Between two bars that follow one another in a name, a price that is tenfold or a tenth is hardly a market's
doing. A position held through it makes a return that nobody could have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias
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


Places: TypeAlias = NDArray[np.intp]
Pairs: TypeAlias = tuple[Places, Places, Places]
"""Columns, and in each a row and a later one."""

_BLOCK_BARS = 512
_NEARLY_X = JUMP_X * (1.0 - 1e-9)  # what is rounded is looked at once more
_known: WeakKeyDictionary[Panel, list[Rebirth]] = WeakKeyDictionary()


def find_rebirths(panel: Panel) -> list[Rebirth]:
    """Every place, by symbol and time; looked for once a panel, since panels do not change."""
    if panel not in _known:
        _known[panel] = _find(panel)
    return _known[panel]


def _find(panel: Panel) -> list[Rebirth]:
    """Every two known bars of a name that follow one another are looked at: neighbours, and the ends of a gap."""
    column, before, after = (np.concatenate(part) for part in zip(*_suspects(panel), strict=True))
    old, new = panel.close[before, column], (panel.open[after, column], panel.close[after, column])
    up, down = np.maximum(*new) / old, np.minimum(*new) / old
    jumped = np.flatnonzero((up > JUMP_X) | (down < 1.0 / JUMP_X))
    return [
        Rebirth(
            panel.symbols[column[k]],
            int(panel.close_ms[after[k]]),
            int(after[k] - before[k]) - 1,
            float(up[k] if up[k] > JUMP_X else down[k]),
        )
        for k in jumped[np.lexsort((after[jumped], column[jumped]))]
    ]


def _suspects(panel: Panel) -> Iterator[Pairs]:
    """Neighbours that may have jumped, and the ends of every gap: nearly none of either, as a rule.

    Rows are read once, in blocks that stay in cache.
    """
    edges: list[tuple[Places, Places, NDArray[np.bool_]]] = []
    for start in range(0, panel.bars, _BLOCK_BARS):
        first = max(start - 1, 0)
        opened, close = panel.open[first : start + _BLOCK_BARS], panel.close[first : start + _BLOCK_BARS]
        old = close[:-1]
        high = old * _NEARLY_X
        wild = np.zeros(old.shape, dtype=bool)
        for new in (opened[1:], close[1:]):  # what is absent compares as false
            wild |= new > high
            wild |= new * _NEARLY_X < old
        row, column = np.nonzero(wild)
        yield column, row + first, row + first + 1
        known = close == close  # noqa: PLR0124  NaN alone differs from itself
        row, column = np.nonzero(known[1:] != known[:-1])
        edges.append((column, row + first, known[row + 1, column]))
    yield _gaps(*(np.concatenate(part) for part in zip(*edges, strict=True)))


def _gaps(column: Places, row: Places, begins: NDArray[np.bool_]) -> Pairs:
    """The last known bar before each gap and the first behind it, of rows after which a name ends or begins."""
    order = np.lexsort((row, column))
    column, row, begins = column[order], row[order], begins[order]
    # In a name ends and beginnings take turns; one that begins without having ended is new.
    behind = np.flatnonzero(begins[1:] & (column[1:] == column[:-1]))
    return column[behind], row[behind], row[behind + 1] + 1


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
