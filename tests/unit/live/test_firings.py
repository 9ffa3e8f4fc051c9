"""Firings of guards are those that the run's own record shows: the fast simulation, and twins that know only that."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom.config.resolved import Resolved
from xsmom.domain.panel import Panel
from xsmom.engine.guard_notes import GUARD_NOTES
from xsmom.lake.sample import SampleMarket
from xsmom.live.firings import GUARDS, MONTH_MS, Firings, count_firings

DAY_MS = 86_400_000
SETTINGS: dict[str, Any] = {
    "universe.exclude": [],
    "strategy.timeframe": "4h",
    "strategy.lookbacks": [3, 6, 12],
    "strategy.lookback_weights": [0.5, 0.3, 0.2],
    "strategy.vol_lookback": 24,
    "strategy.k_frac": 0.2,
    "strategy.k_min": 2,
    "strategy.k_max": 3,
    "strategy.max_weight_per_asset": 0.4,
    "strategy.regime_filter.enabled": False,
    "risk.atr_len": 5,
    "risk.streak.losses": 0,
    "risk.max_daily_loss_pct": 0,
    "risk.emergency_loss_pct": 0,
    "risk.max_portfolio_drawdown_pct": 0,
    "risk.stop_cluster.count": 0,
    "risk.max_trade_loss_pct": 0,
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    return SampleMarket(12, 420, 4 * 3_600_000, 5, momentum=1.0).build()


def config(**settings: Any) -> Resolved:
    return xs.load_config(
        "classic", {**SETTINGS, **{key.replace("__", "."): one for key, one in settings.items()}}, env={}
    )


def counted(panel: Panel, resolved: Resolved) -> Firings:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return count_firings(panel, resolved)


def test_every_guard_that_tells_is_counted_under_a_setting_that_exists() -> None:
    resolved = config()
    assert set(GUARD_NOTES) <= {row.guard for row in GUARDS}
    for row in GUARDS:
        assert row.field in resolved.params()
        resolved.value(row.setting)


def test_without_limits_nothing_fires(panel: Panel) -> None:
    found = counted(panel, config())
    fired = {guard for guard, one in found.rows.items() if one.firings}
    assert fired <= {"exposure"}
    assert found.guarded_bars == 0
    assert found.on["daily_loss"] is False
    assert found.a_month("daily_loss") == 0.0


def test_daily_losses_are_the_days_on_which_equity_fell_so_far(panel: Panel) -> None:
    """From the equity of the fast simulation alone: UTC days whose loss from their high reached the limit."""
    limit = 0.02
    resolved = config(risk__max_daily_loss_pct=limit * 100, risk__daily_loss_base="high")
    found, fast = counted(panel, resolved), xs.backtest(panel, resolved)
    equity = fast.series()["equity_usdt"]
    days = (panel.close_ms - 1) // DAY_MS
    fell = set()
    for day in np.unique(days):
        rows = np.flatnonzero(days == day)
        before = equity[rows[0] - 1] if rows[0] else resolved.timing().cash_usdt
        high = np.maximum.accumulate(np.concatenate([[before], equity[rows]]))[1:]
        if (1.0 - equity[rows] / high >= limit).any():
            fell.add(int(day))
    assert found.rows["daily_loss"].firings == len(fell) > 5
    assert found.guarded_bars == fast._run["guarded_bars"] == found.rows["daily_loss"].bars
    months = (int(panel.close_ms[-1]) - found.since_ms) / MONTH_MS
    assert found.months == months
    assert found.a_month("daily_loss") == len(fell) / months
    assert found.ended_by == ""


def test_a_drawdown_fires_once_and_ends_the_count(panel: Panel) -> None:
    resolved = config(risk__max_portfolio_drawdown_pct=3)
    found, fast = counted(panel, resolved), xs.backtest(panel, resolved)
    assert (found.rows["drawdown"].firings, found.ended_by) == (1, "drawdown")
    assert found.until_ms == found.rows["drawdown"].first_ms
    assert found.until_ms < int(panel.close_ms[-1])
    # Flat from there on: the fast simulation is guarded at each close since.
    after = int((panel.close_ms >= found.until_ms).sum())
    assert fast._run["guarded_bars"] == after
    assert not fast.units[-1].any()


def test_losing_positions_that_are_closed_are_the_trips_that_the_record_shows(panel: Panel) -> None:
    resolved = config(risk__max_trade_loss_pct=1)
    found, none = counted(panel, resolved), counted(panel, config())
    assert none.rows["trade_loss"].firings == 0
    trips, before = xs.backtest(panel, resolved).round_trips, xs.backtest(panel, config()).round_trips
    assert trips is not None
    assert before is not None
    assert found.rows["trade_loss"].firings == found.rows["trade_loss"].names > 5
    # Each of them ends a trip at a loss by the plan, which no stop of the exchange did.
    losers = trips.filter((trips["exit"] == "plan") & (trips["net_usdt"] < 0)).height
    assert found.rows["trade_loss"].firings <= losers


def test_streaks_are_those_of_the_trips(panel: Panel) -> None:
    """Losses in a row of one symbol, counted from the round trips of the fast simulation."""
    resolved = config(risk__streak__losses=2)
    found, trips = counted(panel, resolved), xs.backtest(panel, resolved).round_trips
    assert trips is not None
    row: dict[str, int] = {}
    streaks = 0
    for symbol, net_usdt in trips.select("symbol", "net_usdt").iter_rows():
        row[symbol] = row.get(symbol, 0) + 1 if net_usdt < 0 else 0
        if row[symbol] == 2:
            streaks, row[symbol] = streaks + 1, 0
    assert found.rows["streak"].firings == streaks > 3


def test_stops_in_a_cluster_block_entries_for_as_long_as_they_are_told_to(panel: Panel) -> None:
    resolved = config(
        risk__stop_cluster__count=2, risk__stop_cluster__window_hours=8, risk__stop_cluster__pause_hours=24
    )
    found, fast = counted(panel, resolved), xs.backtest(panel, resolved)
    one = found.rows["stop_cluster"]
    assert one.firings > 1
    assert found.guarded_bars == one.bars == fast._run["guarded_bars"]


def test_a_cap_of_positions_counts_the_decisions_at_which_it_newly_cut(panel: Panel) -> None:
    resolved = config(strategy__notional_cap_usdt=1_500)
    found, reasons = counted(panel, resolved), xs.backtest(panel, resolved).reasons
    assert reasons is not None
    one = found.rows["position_size"]
    assert 0 < one.firings <= one.names <= reasons["notional_cap"]
    assert "notional_cap" not in (xs.backtest(panel, config()).reasons or {})


def test_a_guard_that_cannot_judge_says_at_how_many_closes(panel: Panel) -> None:
    resolved = config(risk__max_cvar_pct=90)
    found, fast = counted(panel, resolved), xs.backtest(panel, resolved)
    blind = found.rows["cvar"].blind_bars
    assert blind == fast._run["guarded_bars"] > 0
    assert found.rows["cvar"].firings == 0
