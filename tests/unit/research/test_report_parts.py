"""The parts of the report, each against a slow or independent form of itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.research.runs import COSTS, draw_weights, flat_panel, run
from xsmom.api import backtest
from xsmom.config.load import load_config
from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.research import statistics
from xsmom.research.report import cone, days
from xsmom.research.report.attribution import attribute, fill_marks
from xsmom.research.report.charts import choose_log_ticks
from xsmom.research.report.decimate import pick
from xsmom.research.report.page import embed
from xsmom.research.report.wording import say_frac, say_interval, say_number, say_probability, say_significant, say_usdt
from xsmom.research.result import Result


@pytest.fixture(scope="module")
def market() -> Panel:
    """With names that come and go, so that bars are absent and weights ask for what cannot be traded."""
    return SampleMarket(symbols=14, bars=24 * 100, seed=11, drama=True).build()


def price_of(panel: Panel, fill_at: str) -> np.ndarray:
    typical = (panel.open + panel.high + panel.low + panel.close) / 4
    return {"open": panel.open, "close": panel.close, "vwap": typical}[fill_at]


def last_marks(panel: Panel) -> np.ndarray:
    marks = np.zeros_like(panel.close)
    for i in range(panel.close.shape[1]):
        mark = 0.0
        for t, close in enumerate(panel.close[:, i]):
            mark = mark if math.isnan(close) else close
            marks[t, i] = mark
    return marks


@pytest.mark.parametrize("fill_at", ["open", "close", "vwap"])
@pytest.mark.parametrize("delay_bars", [0, 3])
def test_each_name_gets_what_its_own_account_earned(market: Panel, fill_at: str, delay_bars: int) -> None:
    """One account for each name: what its units brought and are worth, its own fees, its own funding."""
    result = run(market, draw_weights(market), fill_at=fill_at, delay_bars=delay_bars)
    found = attribute(result)
    traded = result.costs["traded_usdt"][-1]
    assert found.fill_at == fill_at
    assert all(abs(value) < 1e-9 * traded for value in found.unattributed.values())
    units, marks = result.units, last_marks(market)
    steps = np.diff(units, axis=0, prepend=0.0)
    price = np.where(steps == 0, 0.0, price_of(market, fill_at))
    earned = units[-1] * marks[-1] - (steps * price).sum(axis=0)
    np.testing.assert_allclose(found.price_usdt.sum(axis=1), earned, atol=1e-8 * traded)
    spread = (1 - COSTS.maker_share_frac) * COSTS.half_spread_frac
    fee = COSTS.maker_share_frac * COSTS.maker_fee_frac + (1 - COSTS.maker_share_frac) * COSTS.taker_fee_frac
    executed = np.abs(steps) * price * (1 + np.sign(steps) * spread)
    paid = (executed * fee + np.abs(steps) * price * spread).sum(axis=0)
    np.testing.assert_allclose(found.cost_usdt.sum(axis=1), paid, rtol=1e-3)
    held = np.vstack([np.zeros(len(market.symbols)), units[:-1]]) if fill_at == "close" else units
    funding = (held * marks * np.nan_to_num(market.funding_frac)).sum(axis=0)
    np.testing.assert_allclose(found.funding_usdt.sum(axis=1), funding, atol=1e-9 * traded)


def test_sides_of_one_sided_books(market: Panel) -> None:
    weights = np.abs(draw_weights(market))
    for sign, empty in ((1.0, 1), (-1.0, 0)):
        found = attribute(run(market, sign * weights))
        assert (found.price_usdt[:, empty] == 0).all()
        assert (found.cost_usdt[:, empty] == 0).all()
        assert (found.funding_usdt[:, empty] == 0).all()


def test_a_trade_through_zero_is_shared_by_both_sides() -> None:
    """Long 1 at 100, short 1 from 110, the price ends at 105: the long made 10, the short 5, each its half."""
    close = np.array([100.0, 110.0, 110.0, 105.0])[:, None]
    weights = np.array([1.0, 0.0, 0.0, 0.0])[:, None]
    weights[1:] = -1.0
    result = run(flat_panel(close, ("A",)), weights, Costs(impact_y=0.0), cash_usdt=100.0, fill_at="close")
    found = attribute(result)
    assert found.price_usdt[0, 0] == pytest.approx(10.0, rel=1e-3)
    assert found.price_usdt[0, 1] == pytest.approx(5.0, rel=1e-2)
    first, flip = 100.0, 110.0
    rate = (5.5 + 1.0) * 1e-4
    assert found.cost_usdt[0, 0] == pytest.approx((first + flip) * rate, rel=2e-2)
    assert found.cost_usdt[0, 1] == pytest.approx((flip + 4.5) * rate, rel=5e-2)


def test_free_funding_is_not_invented(market: Panel) -> None:
    free = Costs(taker_bps=1.0, impact_y=0.0, funding=False)
    found = attribute(run(market, draw_weights(market), free))
    assert not found.funding_usdt.any()
    assert abs(found.unattributed["net_usdt"]) < 1e-6


def test_what_the_run_booked_beyond_its_closes_is_kept_apart(market: Panel) -> None:
    """As if positions had been opened and stopped inside a bar: costs and a loss that no close shows."""
    weights = draw_weights(market)
    plain = run(market, weights)
    booked = {name: np.array(values) for name, values in plain._run.items() if isinstance(values, np.ndarray)}
    booked["equity_usdt"][50:] -= 7.0
    booked["fee_usdt"][50:] += 2.0
    booked["traded_usdt"][50:] += 1_000.0
    result = Result(market, COSTS, plain.cash_usdt, booked | {"bankrupt_at": None}, lambda: plain.units)
    rest = attribute(result).unattributed
    assert rest["net_usdt"] == pytest.approx(rest["price_usdt"] + rest["funding_usdt"] + rest["cost_usdt"], abs=1e-7)
    total = attribute(result).net_usdt.sum() + rest["net_usdt"]
    assert total == pytest.approx(booked["equity_usdt"][-1] - plain.cash_usdt, abs=1e-6)
    assert rest["net_usdt"] == pytest.approx(-7.0, abs=2.5)


def test_exposure_is_that_of_the_positions(market: Panel) -> None:
    result = run(market, draw_weights(market))
    found = attribute(result)
    weights = result.weights.drop("time").to_numpy()
    np.testing.assert_allclose(found.long_frac, np.where(weights > 0, weights, 0).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(found.short_frac, np.where(weights < 0, weights, 0).sum(axis=1), atol=1e-12)
    assert (found.names == (weights != 0).sum(axis=1)).all()


def test_largest_fills_are_the_largest(market: Panel) -> None:
    result = run(market, draw_weights(market))
    found = attribute(result)
    steps = np.abs(np.diff(result.units, axis=0, prepend=0.0))
    notional = np.nan_to_num(steps * market.open)
    expected = np.sort(notional.ravel())[::-1][: len(found.largest)]
    np.testing.assert_allclose([fill[0] for fill in found.largest], expected, rtol=1e-12)
    size, bar, column, units, price = found.largest[0]
    assert notional[bar, column] == size == abs(units) * price
    assert found.fills.sum() == np.count_nonzero(steps)


def test_marks_stand_where_bars_are_absent() -> None:
    close = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, 3.0]])
    np.testing.assert_array_equal(fill_marks(close, np.array([0.0, 9.0])), [[0, 1], [2, 1], [2, 3]])


def test_days_compound_to_the_whole(market: Panel) -> None:
    result = run(market, draw_weights(market))
    split = days.split_days(result)
    whole = result.equity["equity_usdt"][-1] / result.cash_usdt
    assert np.prod(1 + split.return_frac) == pytest.approx(whole, rel=1e-12)
    months = days.compound_months(split)
    assert [row["month"] for row in months] == ["2023-01", "2023-02", "2023-03", "2023-04"]
    assert math.prod(1 + row["return_frac"] for row in months) == pytest.approx(whole, rel=1e-12)


def test_rolling_measures_are_those_of_each_window(market: Panel) -> None:
    split = days.split_days(run(market, draw_weights(market)))
    rolled = days.roll(split)
    assert np.isnan(rolled["sharpe"][: days.ROLLING_DAYS - 1]).all()
    for end in (days.ROLLING_DAYS, len(split.day)):
        window = slice(end - days.ROLLING_DAYS, end)
        own, other = split.return_frac[window], split.market_frac[window]
        expected = statistics.metrics(own)
        assert rolled["sharpe"][end - 1] == pytest.approx(expected["sharpe"], rel=1e-9)
        assert rolled["volatility_frac"][end - 1] == pytest.approx(expected["volatility_ann"], rel=1e-9)
        slope = np.polyfit(other, own, 1)[0]
        assert rolled["beta"][end - 1] == pytest.approx(slope, rel=1e-9)


def test_the_market_is_the_mean_of_its_names() -> None:
    growth = np.random.default_rng(2).normal(0.0, 0.01, (24 * 5, 4))
    close = 50.0 * np.exp(np.cumsum(growth, axis=0))
    panel = flat_panel(close, tuple("ABCD"))
    split = days.split_days(run(panel, np.zeros(close.shape)))
    ends = close[23::24]
    expected = (ends / np.vstack([close[:1], ends[:-1]]) - 1).mean(axis=1)
    np.testing.assert_allclose(split.market_frac, expected, rtol=1e-12)


def test_a_name_counts_on_the_day_it_dies_and_not_after() -> None:
    close = np.full((24 * 4, 2), 10.0)
    close[30:, 0] = 1.0
    close[40:, 0] = np.nan
    split = days.split_days(run(flat_panel(close, ("DEAD", "CALM")), np.zeros(close.shape)))
    np.testing.assert_allclose(split.market_frac, [0.0, -0.45, 0.0, 0.0], atol=1e-12)


def test_holding_the_market_has_a_beta_of_one() -> None:
    growth = np.random.default_rng(4).normal(0.0, 0.01, (24 * 120, 5))
    panel = flat_panel(50.0 * np.exp(np.cumsum(growth, axis=0)), tuple("ABCDE"))
    result = run(panel, np.full(panel.close.shape, 0.2), Costs.free(), fill_at="close")
    split = days.split_days(result)
    assert days.whole_beta(split) == pytest.approx(1.0, abs=0.03)
    flat = days.split_days(run(flat_panel(np.full((96, 1), 3.0), ("A",)), np.ones((96, 1))))
    assert math.isnan(days.whole_beta(flat))


def test_the_cone_is_ordered_and_odds_fall_with_depth() -> None:
    returns = np.random.default_rng(6).normal(0.001, 0.02, 400)
    found = cone.build_cone(returns, 500.0, -0.2, cone.draw(400))
    for name in ("equity_usdt", "drawdown_frac"):
        low, mid, high = (np.array(found[f"{name}_p{level}"]) for level in ("05", "50", "95"))
        assert (low <= mid).all()
        assert (mid <= high).all()
    odds = [row["probability"] for row in found["max_drawdown_worse_than"]]
    assert odds == sorted(odds, reverse=True)
    at_20 = next(row for row in found["max_drawdown_worse_than"] if row["drawdown_frac"] == -0.20)
    assert at_20["probability"] == found["worse_than_this_run"]["probability"]
    assert 0.0 < found["loss_probability"] < 1.0
    assert found == cone.build_cone(returns, 500.0, -0.2, cone.draw(400)), "the same seed is the same cone"


def test_a_steady_gain_has_a_cone_without_width() -> None:
    found = cone.build_cone(np.full(50, 0.01), 100.0, 0.0, cone.draw(50))
    expected = 100.0 * 1.01 ** np.arange(1, 51)
    np.testing.assert_allclose(found["equity_usdt_p05"], expected, rtol=1e-12)
    np.testing.assert_allclose(found["equity_usdt_p95"], expected, rtol=1e-12)
    assert found["loss_probability"] == 0.0
    assert found["worse_than_this_run"]["probability"] == 0.0


def test_the_mean_drawdown_of_a_book_without_edge_is_the_known_one() -> None:
    """E[max drawdown] = sqrt(pi/2)·sigma·sqrt(T) for a driftless walk, here of independent days."""
    returns = np.random.default_rng(8).normal(0.0, 0.002, 2_000)
    returns -= returns.mean()
    draws = cone.Draws(np.random.default_rng(9).integers(0, 2_000, (1_000, 2_000)), 1.0)
    median = -cone.build_cone(returns, 1.0, 0.0, draws)["max_drawdown_frac_p50"]
    mean = math.sqrt(math.pi / 2) * 0.002 * math.sqrt(2_000)
    assert 0.80 * mean < median < 1.05 * mean


def test_long_histories_are_drawn_less_often() -> None:
    assert cone.draw(100).places.shape == (2_000, 100)
    assert cone.draw(20_000).places.shape == (400, 20_000)


def test_intervals_of_an_undrawn_history_are_the_measure_itself() -> None:
    returns = np.random.default_rng(10).normal(0.001, 0.02, 300)
    still = cone.Draws(np.arange(300)[None, :], 1.0)
    low, high = cone.hac_interval(returns, still)
    assert low == high == pytest.approx(statistics.hac_sharpe(returns), rel=1e-9)
    hours = np.random.default_rng(11).normal(0.0002, 0.01, 300 * 24)
    last = np.arange(23, 300 * 24, 24)
    low, high = cone.bar_interval(hours, last, 8_760.0, still)
    assert low == high == pytest.approx(statistics.metrics(hours, 8_760.0)["sharpe"], rel=1e-9)


def test_the_interval_of_daily_bars_is_the_public_one() -> None:
    returns = np.random.default_rng(12).normal(0.001, 0.02, 300)
    found = cone.bar_interval(returns, np.arange(300), 365.0, cone.draw(300))
    assert found == pytest.approx(statistics.sharpe_interval(returns), rel=1e-9)


@given(st.integers(1, 9_000), st.integers(0, 2**32 - 1), st.floats(0, 0.95))
def test_thinning_keeps_the_ends_and_every_extreme(count: int, seed: int, holes: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=count).cumsum()
    values[rng.random(count) < holes] = np.nan
    kept = pick(values, 500)
    assert len(kept) <= max(500, count if count <= 500 else 0)
    assert (np.diff(kept) > 0).all()
    assert kept[0] == 0
    assert kept[-1] == count - 1
    if not np.isnan(values).all():
        assert np.nanmax(values[kept]) == np.nanmax(values)
        assert np.nanmin(values[kept]) == np.nanmin(values)


def test_thinning_keeps_a_gap() -> None:
    values = np.arange(10_000.0)
    values[4_000:6_000] = np.nan
    assert np.isnan(values[pick(values)]).any()


def test_embedded_json_cannot_end_its_element() -> None:
    assert embed({"a": "</script><!--&"}) == '{"a":"\\u003c/script\\u003e\\u003c!--\\u0026"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        embed(float("nan"))


@given(st.floats(1e-3, 1e9), st.floats(1.0001, 1e9))
def test_log_ticks_are_few_apart_and_inside(low: float, ratio: float) -> None:
    ticks = choose_log_ticks([low, low * ratio])
    assert ticks == sorted(set(ticks))
    assert all(low * (1 - 1e-9) <= tick <= low * ratio * (1 + 1e-9) for tick in ticks)
    assert len(ticks) <= 20
    assert len(ticks) >= 2 or ratio < 1.01


def test_log_ticks_of_nothing_above_zero_are_none() -> None:
    assert choose_log_ticks([0.0, -1.0, float("nan")]) == []
    assert choose_log_ticks([90_000.0, 3_000_000.0]) == [1e5, 2e5, 5e5, 1e6, 2e6]
    assert choose_log_ticks([10_000.0, 10_400.0]) == [10_000.0, 10_100.0, 10_200.0, 10_300.0, 10_400.0]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (say_frac(-0.12345), "\u221212.3 %"),
        (say_frac(12.5), "1,250.0 %"),
        (say_frac(-1e-9), "0.0 %"),
        (say_frac(None), "\u2014"),
        (say_number(float("nan")), "\u2014"),
        (say_number(math.inf, 0), "never"),
        (say_number(-1234.5), "\u22121,234.50"),
        (say_usdt(1234567.8), "1,234,568"),
        (say_usdt(-3.456), "\u22123.46"),
        (say_significant(0.000012345678), "0.0000123457"),
        (say_significant(1234567.0), "1,234,567"),
        (say_significant(0.0), "0"),
        (say_significant(-100.0), "\u2212100"),
        (say_interval([-0.5, 1.25]), "[\u22120.50, 1.25]"),
        (say_interval([None, 1.0]), "\u2014"),
        (say_probability(0.9999), "above 0.999"),
        (say_probability(0.00001), "below 0.001"),
        (say_probability(0.5), "0.500"),
        (say_probability(float("nan")), "unknown"),
    ],
)
def test_figures_read_well(said: str, expected: str) -> None:
    assert said == expected


STOPPED: dict[str, Any] = {
    "risk.atr_mult_sl": 1.5,
    "risk.trailing_enabled": True,
    "risk.ladder.enabled": True,
    "risk.ladder.levels": [0.5, 1.0],
    "risk.cooldown_bars": 3,
}


@pytest.mark.parametrize("fill", ["next_open", "close", "vwap"])
@pytest.mark.parametrize("delay", [0, 2])
def test_exits_inside_a_bar_belong_to_their_names_to_the_cent(fill: str, delay: int) -> None:
    """Each name's own account: every fill at what it cost, its funding, and what is left at the last mark."""
    market = SampleMarket(symbols=14, bars=24 * 70, seed=4).build()
    settings = STOPPED | {"costs.fill": fill, "costs.fill_delay_bars": delay, "universe.min_age_days": 0}
    result = backtest(market, load_config("classic", set=settings))
    fills = result.own_fills()
    assert fills is not None
    assert sum(exit_ != "plan" for exit_ in fills["exit"]) > 50
    found = attribute(result)
    net = result.series()["equity_usdt"][-1] - result.cash_usdt
    assert found.net_usdt.sum() == pytest.approx(net, abs=1e-6)
    assert all(abs(value) < 1e-6 for value in found.unattributed.values())
    left = result.units[-1] * last_marks(market)[-1]
    spent = np.bincount(fills["symbol"], fills["units"] * fills["reference_price"], minlength=14)
    np.testing.assert_allclose(found.price_usdt.sum(axis=1), left - spent, atol=1e-6)
    paid = fills["units"] * (fills["price"] - fills["reference_price"]) + fills["fee_usdt"]
    np.testing.assert_allclose(found.cost_usdt.sum(axis=1), np.bincount(fills["symbol"], paid, minlength=14), atol=1e-8)
    assert found.fills.sum() == len(fills["bar"])
    # Sides against the round trips that are closed: a flat name's result is that of its trips.
    trips = result.round_trips
    assert trips is not None
    for column in np.flatnonzero(left == 0.0)[:6]:
        of = trips.filter(trips["symbol"] == market.symbols[column])
        for side, name in enumerate(("long", "short")):
            wanted = of.filter(of["side"] == name)["net_usdt"].sum()
            assert found.net_usdt[column, side] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_liquidated_book_adds_up_too() -> None:
    market = SampleMarket(symbols=20, bars=420, bar_ms=86_400_000, seed=7).build()
    settings = {
        "strategy.gross_leverage": 2.4,
        "strategy.max_weight_per_asset": 0.5,
        "strategy.max_weight_short": 0.5,
        "strategy.portfolio_vol_target.enabled": False,
        "costs.maintenance_margin_pct": 50,
    }
    result = backtest(market, load_config("weekly", set=settings))
    assert result.liquidated_at is not None
    found = attribute(result)
    net = result.series()["equity_usdt"][-1] - result.cash_usdt
    assert found.net_usdt.sum() == pytest.approx(net, abs=1e-6)
    assert all(abs(value) < 1e-6 for value in found.unattributed.values())
