"""A contract that is delisted while held: out at its last price, five per cent to the holder's loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom import _core
from xsmom.domain.costs import Costs

HOUR_MS = 3_600_000
BARS, NAMES, DIES_AT = 120, 6, 90


def market(dying: int) -> xs.Panel:
    """Names that trend apart; `dying` has no bar from DIES_AT on, and is delisted then."""
    rng = np.random.default_rng(3)
    drift = np.linspace(-0.004, 0.004, NAMES)
    close = 100.0 * np.exp(np.cumsum(drift + rng.normal(0.0, 0.002, (BARS, NAMES)), axis=0))
    cells: dict[str, Any] = {name: close.copy() for name in ("open", "high", "low", "close")}
    cells["volume_usdt"] = np.full(close.shape, 1e6)
    for cell in cells.values():
        cell[DIES_AT:, dying] = np.nan
    close_ms = (np.arange(BARS, dtype=np.int64) + 480_000) * HOUR_MS
    delisted = np.full(NAMES, np.iinfo(np.int64).max)
    delisted[dying] = close_ms[DIES_AT]
    return xs.Panel.from_arrays(
        close_ms=close_ms, symbols=[f"N{i}" for i in range(NAMES)], **cells, delisted_ms=delisted
    )


@pytest.mark.parametrize(("dying", "side"), [(NAMES - 1, 1.0), (0, -1.0)])
def test_the_holder_leaves_at_the_last_price_less_five_per_cent(dying: int, side: float) -> None:
    panel = market(dying)
    changes = {"lookback_bars": [6, 12, 18, 24], "vol_bars": 24, "k_min": 1, "k_max": 1, "catastrophic_atr_x": 0.0}
    params = _core.Params(**(_core.params_defaults() | changes | {"daily_loss_max_frac": 0.0}))
    found = _core.simulate(
        panel, params, Costs.free(), fill_at="open", delay_bars=0, cash_usdt=1e4, keep_fills=True, keep_units=True
    )
    held = found["units"][DIES_AT - 1, dying]
    assert np.sign(held) == side
    assert (found["units"][DIES_AT:, dying] == 0.0).all()
    place = found["fills"]["exit"].index("delisted")
    assert found["fills"]["bar"][place] == DIES_AT
    assert found["fills"]["units"][place] == -held
    last = panel.close[DIES_AT - 1, dying]
    assert found["fills"]["price"][place] == pytest.approx(last * (1.0 - 0.05 * side), rel=1e-12)
    assert found["fills"]["exit"].count("delisted") == 1
