"""Names that come back as something else: found as a slow look at every two known bars finds them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.unit.research.runs import flat_panel
from xsmom.domain.panel import Panel
from xsmom.research.rebirths import JUMP_X, find_rebirths


def looked_up(panel: Panel) -> list[tuple[str, int, int, float]]:
    """Bar by bar, name by name."""
    found = []
    for column, symbol in enumerate(panel.symbols):
        known = [row for row in range(panel.bars) if not np.isnan(panel.close[row, column])]
        for last, row in pairwise(known):
            old, new = float(panel.close[last, column]), (panel.open[row, column], panel.close[row, column])
            up, down = float(max(new)) / old, float(min(new)) / old
            if up > JUMP_X or down < 1.0 / JUMP_X:
                jump = up if up > JUMP_X else down
                found.append((symbol, int(panel.close_ms[row]), row - last - 1, jump))
    return found


def market(seed: int) -> Panel:
    """Walks with a jump here and there, and gaps: at the start, at the end, rare ones, or every other bar."""
    rng = np.random.default_rng(seed)
    bars, names = int(rng.integers(1, 1_600)), int(rng.integers(1, 6))
    wild = rng.random((bars, names)) < 0.004
    close = np.exp(
        np.cumsum(np.where(wild, rng.normal(0.0, 2.5, wild.shape), rng.normal(0.0, 0.01, wild.shape)), axis=0)
    )
    close[rng.random(close.shape) < rng.choice([0.0, 0.01, 0.5])] = np.nan
    for column in range(names):
        if rng.random() < 0.3:
            close[: rng.integers(0, bars), column] = np.nan
        if rng.random() < 0.3:
            close[rng.integers(0, bars) :, column] = np.nan
    close[0, 0] = 1.0
    return flat_panel(close, tuple("ABCDE"[:names]))


@pytest.mark.parametrize("seed", range(40))
def test_every_rebirth_is_found(seed: int) -> None:
    panel = market(seed)
    assert [tuple(one) for one in find_rebirths(panel)] == looked_up(panel)


def test_the_markets_have_rebirths() -> None:
    found = [one for seed in range(40) for one in find_rebirths(market(seed))]
    assert sum(one.absent_bars > 0 for one in found) > 10
    assert sum(one.absent_bars == 0 for one in found) > 10


@pytest.mark.parametrize("bars", [511, 512, 513, 1_024, 1_025])
@pytest.mark.parametrize("gap", [0, 1, 3])
def test_a_jump_at_the_seam_of_two_blocks(bars: int, gap: int) -> None:
    close = np.concatenate([np.full(bars - gap, 1.0), np.full(gap, np.nan), np.full(5, 11.0)])
    [one] = find_rebirths(flat_panel(close[:, None], ("A",)))
    assert (one.absent_bars, one.price_x) == (gap, 11.0)


def test_just_tenfold_is_none() -> None:
    assert find_rebirths(flat_panel(np.array([[1.0], [10.0], [1.0]]), ("A",))) == []
    assert len(find_rebirths(flat_panel(np.array([[1.0], [np.nextafter(10.0, 11.0)]]), ("A",)))) == 1
