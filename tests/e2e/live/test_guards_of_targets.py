"""Guards of the core that shape a target, and what trading has cost: on the wire, from the exchange's own candles."""

import numpy as np
import pytest

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market
from xsmom.domain.orders import Style


def gross_frac(stage):
    """What is held, as a share of equity, at the marks of the newest close."""
    book = stage.book
    return float(np.abs(book.lots * book.roster.qty_step * np.nan_to_num(book.names.mark)).sum()) / 10_000


@on_market
async def test_fewer_and_smaller_positions_are_opened(rig, venue, tmp_path):
    limits = {
        "risk.risk_per_trade_frac": 0.0005,
        "strategy.entry_throttle.max_open_positions": 2,
        "strategy.vol_regime.enabled": True,
        "strategy.vol_regime.fast_lookback": 2,
        "strategy.vol_regime.base_lookback": 48,
        "strategy.vol_regime.ratio_start": 0.05,
    }
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        async with stage.fires("risk_per_trade"), stage.fires("positions_max"), stage.fires("vol_regime"):
            await stage.at_rest()
        assert len(stage.held()) == 2
        # What each would lose at its first stop.
        book = stage.book
        for symbol, lots in stage.held().items():
            at = book.roster.index(symbol)
            distance = abs(float(book.positions["entry_price"][at] - book.positions["stop_price"][at]))
            assert abs(lots) * book.roster.qty_step[at] * distance <= 0.0005 * 10_000 * 1.05


@on_market
async def test_gross_stays_below_its_cap_and_dear_fills_are_told(rig, venue, tmp_path):
    limits = {
        "strategy.gross_leverage": 0.5,
        "strategy.gross_hard_cap": 0.6,
        "strategy.portfolio_vol_target.enabled": True,
        "strategy.portfolio_vol_target.target_ann_vol": 5.0,
        "strategy.portfolio_vol_target.max_scale": 5.0,
        "costs.taker_fee_bps": 2.5,
        "costs.maker_fill_ratio": 0.0,
        "execution.twap.minutes": 4,
        "execution.twap.slices": 20,
    }
    async with Stage(rig, venue, tmp_path, style=Style.TWAP, **limits) as stage:
        async with stage.fires("exposure"), stage.fires("cost_overrun"):
            await stage.until(lambda book: book.money.fills >= 50)
        assert 0.3 < gross_frac(stage) <= 0.6 * 1.02


@on_market
async def test_a_threshold_that_volatility_moves(rig, venue, tmp_path):
    limits = {
        "strategy.atr_regime.enabled": True,
        "strategy.atr_regime.low_atr_pct": 0,
        "strategy.atr_regime.high_atr_pct": 0.001,
        "strategy.atr_regime.high_shift": 10,
    }
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        async with stage.fires("atr_regime"):
            await stage.until(lambda book: book.cycle.decided_ms > 0)
        assert stage.told("guard.atr_regime").fields["wild"] == pytest.approx(12)
        await stage.nothing_opens()
        assert stage.sent() == []
