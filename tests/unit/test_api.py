"""`xs.backtest` and its result against the core's own answers, and what it refuses."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xsmom as xs
from xsmom import _core
from xsmom.errors import ConfigError, DataError
from xsmom.lake.sample import SampleMarket
from xsmom.research.result import Result

DAY_MS = 86_400_000
FREE = xs.Costs.free()


@pytest.fixture(scope="module")
def panel() -> xs.Panel:
    return SampleMarket(20, 500, DAY_MS, 7).build()


@pytest.fixture(scope="module")
def config() -> Any:
    return xs.load_config("weekly", env={})


@pytest.fixture(scope="module")
def result(panel: xs.Panel, config: Any) -> Result:
    return xs.backtest(panel, config)


@pytest.fixture(scope="module")
def told(panel: xs.Panel, config: Any) -> dict[str, Any]:
    return _core.simulate(
        panel,
        _core.Params(**config.params()),
        config.costs(),
        fill_at="open",
        delay_bars=0,
        cash_usdt=10_000.0,
        keep_fills=True,
        keep_units=True,
    )


def test_equity_and_costs_are_those_of_the_core(result: Result, told: dict[str, Any]) -> None:
    assert result.equity["equity_usdt"].to_list() == told["equity_usdt"].tolist()
    for name in ("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt", "traded_usdt"):
        assert result.costs[name].to_list() == told[name].tolist()
    assert result.traded_usdt == told["traded_usdt"][-1] > 0


def test_units_and_fills_come_by_a_second_run_of_the_same_bits(result: Result, told: dict[str, Any]) -> None:
    assert np.array_equal(result.units, told["units"])
    assert not result.units.flags.writeable
    fills, own = result.fills, told["fills"]
    assert fills.columns == ["time", "symbol", "units", "price", "reference_price", "fee_usdt", "exit"]
    for name in ("units", "price", "reference_price", "fee_usdt"):
        assert fills[name].to_list() == own[name].tolist()
    assert fills["time"].dt.epoch("ms").to_list() == own["at_ms"].tolist()
    assert fills["symbol"].to_list() == [result.panel.symbols[i] for i in own["symbol"]]
    assert fills["fee_usdt"].sum() == pytest.approx(told["fee_usdt"][-1])


def test_fills_add_up_to_what_is_held(result: Result) -> None:
    held = dict.fromkeys(result.panel.symbols, 0.0)
    for symbol, units in result.fills.select("symbol", "units").iter_rows():
        held[symbol] += units
    assert list(held.values()) == pytest.approx(result.units[-1].tolist(), abs=1e-6)


def test_round_trips_are_those_of_the_core(result: Result, told: dict[str, Any]) -> None:
    trips, own = result.round_trips, told["trips"]
    assert trips is not None
    assert trips["net_usdt"].to_list() == own["net_usdt"].tolist()
    assert trips["opened"].dt.epoch("ms").to_list() == own["opened_ms"].tolist()
    assert trips["closed"].dt.epoch("ms").to_list() == own["closed_ms"].tolist()
    assert trips["side"].to_list() == ["long" if side > 0 else "short" for side in own["side"]]
    assert trips["exit"].to_list() == list(own["exit"])
    hours = (own["closed_ms"] - own["opened_ms"]) / 3_600_000
    assert trips["hold_hours"].to_list() == hours.tolist()


def test_trip_measures_are_what_the_frame_says(result: Result) -> None:
    trips, metrics = result.round_trips, result.metrics
    assert trips is not None
    net = trips["net_usdt"].to_numpy()
    assert metrics["trades"] == len(trips) == sum(side["trades"] for side in metrics["sides"].values())
    assert metrics["win_rate"] == np.mean(net > 0)
    assert metrics["win_mean_usdt"] == pytest.approx(net[net > 0].mean())
    assert metrics["loss_mean_usdt"] == pytest.approx(net[net < 0].mean())
    assert metrics["trip_profit_factor"] == pytest.approx(net[net > 0].sum() / -net[net < 0].sum())
    assert metrics["hold_longest_hours"] == trips["hold_hours"].max()
    assert metrics["hold_shortest_hours"] == trips["hold_hours"].min()
    longs = trips.filter(trips["side"] == "long")["net_usdt"]
    assert metrics["sides"]["long"]["trip_net_usdt"] == pytest.approx(longs.sum())


def test_exposure_is_units_at_the_mark_over_equity(result: Result, panel: xs.Panel) -> None:
    equity = result.equity["equity_usdt"].to_numpy()
    value = np.zeros(panel.bars)
    signed = np.zeros(panel.bars)
    mark = np.zeros(len(panel.symbols))
    for t in range(panel.bars):
        mark = np.where(np.isnan(panel.close[t]), mark, panel.close[t])
        value[t], signed[t] = np.abs(result.units[t] * mark).sum(), (result.units[t] * mark).sum()
    assert result.exposure["gross_frac"].to_numpy() == pytest.approx(value / equity, abs=1e-9)
    assert result.exposure["net_frac"].to_numpy() == pytest.approx(signed / equity, abs=1e-9)
    assert result.metrics["gross_mean_frac"] == pytest.approx(np.mean(value / equity))


def test_reasons_are_counted_most_frequent_first(result: Result, told: dict[str, Any]) -> None:
    assert result.reasons is not None
    assert result.reasons == dict(told["reason_counts"])
    counts = list(result.reasons.values())
    assert counts == sorted(counts, reverse=True)


def test_daily_returns_multiply_to_the_whole(result: Result) -> None:
    product = float(np.prod(1 + result.daily_returns["return_frac"].to_numpy()))
    assert product == pytest.approx(result.equity["equity_usdt"][-1] / 10_000)


def test_a_profile_may_be_named(panel: xs.Panel, result: Result) -> None:
    assert xs.backtest(panel, "weekly").equity.equals(result.equity)


def test_arguments_win_over_the_configuration(panel: xs.Panel, config: Any) -> None:
    changed = {"costs.fill": "vwap", "costs.fill_delay_bars": 1, "costs.initial_equity_usdt": 5_000}
    written = xs.backtest(panel, xs.load_config("weekly", set=changed, env={}))
    given = xs.backtest(panel, config, fill_at="vwap", delay_bars=1, cash_usdt=5_000)
    assert given.equity.equals(written.equity)
    assert given.timing == ("vwap", 1, 5_000)


def test_without_costs_nothing_is_paid(panel: xs.Panel, config: Any) -> None:
    paid = xs.backtest(panel, config, costs=FREE).costs
    assert paid.select("fee_usdt", "spread_usdt", "impact_usdt", "funding_usdt").sum_horizontal().sum() == 0


def test_contracts_round_to_lots(panel: xs.Panel, config: Any) -> None:
    steps = [10.0 ** np.floor(np.log10(50 / price)) for price in np.nanmedian(panel.close, axis=0)]
    rounded = xs.backtest(panel, config, contracts=(steps, [5.0] * len(steps)))
    lots = rounded.units / np.array(steps)
    assert rounded.traded_usdt > 0
    assert np.abs(lots - np.round(lots)).max() < 1e-6


def test_the_same_run_at_other_costs(panel: xs.Panel, config: Any, result: Result) -> None:
    assert result.rerun is not None
    again = result.rerun(FREE)
    assert again.equity.equals(xs.backtest(panel, config, costs=FREE).equity)
    assert not again.equity.equals(result.equity)


def weights_of(panel: xs.Panel) -> np.ndarray:
    drawn = np.random.default_rng(5).normal(0, 0.03, panel.close.shape)
    drawn[:200] = 0.0
    return drawn


def test_weights_are_run_as_by_the_core(panel: xs.Panel) -> None:
    costs = xs.Costs(impact_y=0)
    weights = weights_of(panel)
    done = _core.run_weights(panel, weights, costs, fill_at="close", delay_bars=1, cash_usdt=7_000.0, keep_units=True)
    run = xs.backtest(panel, weights=weights, costs=costs, fill_at="close", delay_bars=1, cash_usdt=7_000)
    assert run.equity["equity_usdt"].to_list() == done["equity_usdt"].tolist()
    assert np.array_equal(run.units, done["units"])
    assert run.reasons is None
    assert run.round_trips is None
    assert "trades" not in run.metrics
    assert run.fills["units"].len() > 0
    steps = np.abs(np.diff(run.units, axis=0, prepend=0.0))
    assert run.fills["units"].abs().sum() == pytest.approx(steps.sum())


def test_impact_of_weights_reads_a_month_of_depth(panel: xs.Panel) -> None:
    t, column = 300, panel.symbols.index("BTCUSDT")
    returns = panel.close[t - 29 : t + 1, column] / panel.close[t - 30 : t, column] - 1
    volume = np.mean(panel.volume_usdt[t - 29 : t + 1, column])
    weights = np.zeros_like(panel.close)
    weights[t:, column] = 0.5
    only_impact = xs.Costs(0, 0, 0, 0, impact_y=1.0, funding=False)
    paid = xs.backtest(panel, weights=weights, costs=only_impact).costs["impact_usdt"]
    notional = 0.5 * 10_000
    law = notional * 2 / 3 * returns.std() * np.sqrt(notional / volume)
    assert paid[t] == 0
    # Log or simple returns, n or n - 1: the law itself is what is checked.
    assert paid[t + 1] == pytest.approx(law, rel=0.03)


def test_unknown_depth_is_said(panel: xs.Panel) -> None:
    with pytest.warns(RuntimeWarning, match="no 30 days of history") as caught:
        run = xs.backtest(panel, weights=np.full(panel.close.shape, 0.01))
    assert run.notes == (str(caught[0].message),)


def test_a_run_that_trades_nothing_says_why(panel: xs.Panel) -> None:
    blocked = xs.load_config("weekly", set={"universe.min_price_usdt": 1e9}, env={})
    with pytest.warns(RuntimeWarning, match=r"nothing was traded in 500 decisions: price_too_low [\d,]+ times"):
        run = xs.backtest(panel, blocked)
    assert run.metrics["trades"] == 0
    assert np.isnan(run.metrics["win_rate"])
    with pytest.warns(RuntimeWarning, match="nothing was traded: every weight is 0"):
        xs.backtest(panel, weights=np.zeros(panel.close.shape))


def bad(panel: xs.Panel) -> dict[str, tuple[type[Exception], str, dict[str, Any]]]:
    good = np.zeros(panel.close.shape)
    holed = good.copy()
    holed[3, 1] = np.nan
    return {
        "neither": (ConfigError, "was given neither: give one", {}),
        "both": (ConfigError, "was given both: give one", {"config": "weekly", "weights": good}),
        "shape": (DataError, r"\(499, 20\), the panel wants \(500, 20\)", {"weights": good[1:]}),
        "nan": (DataError, f"weight of {panel.symbols[1]} at 2023-01-05 00:00Z is nan", {"weights": holed}),
        "words": (DataError, "wants numbers", {"weights": good.astype(str)}),
        "bars": (ConfigError, "--set strategy.timeframe=1d, or a panel of 1h", {"config": "classic"}),
        "cost kind": (ConfigError, "costs is a dict", {"config": "weekly", "costs": {}}),
        "fill": (ConfigError, "one of open, close, vwap", {"config": "weekly", "fill_at": "noon"}),
        "delay": (ConfigError, "cannot come before its decision", {"config": "weekly", "delay_bars": -1}),
        "lots": (ConfigError, "weights are held as they are", {"weights": good, "contracts": ([1.0], [1.0])}),
        "profile": (ConfigError, "does not exist", {"config": "daily"}),
    }


@pytest.mark.parametrize("case", list(bad(SampleMarket(20, 500, DAY_MS, 7).build())))
def test_what_cannot_be_run_is_refused_in_one_sentence(panel: xs.Panel, case: str) -> None:
    error, sentence, arguments = bad(panel)[case]
    with pytest.raises(error, match=sentence) as caught:
        xs.backtest(panel, **arguments)
    assert "\n" not in str(caught.value)


def test_a_short_panel_is_refused_with_the_number_needed(panel: xs.Panel, config: Any) -> None:
    need = _core.warmup_bars(_core.Params(**config.params()))
    with pytest.raises(DataError, match=f"has {need - 1} bars and this configuration looks back on {need}:"):
        xs.backtest(panel.slice(0, need - 1), config)


def test_a_frame_is_no_panel() -> None:
    with pytest.raises(DataError, match=r"wants an xsmom Panel: Panel\.from_frame makes one"):
        xs.backtest(np.zeros((3, 3)), "weekly")  # type: ignore[arg-type]


def test_minute_bars_have_no_depth() -> None:
    minutes = SampleMarket(3, 50, 60_000, 1).build()
    with pytest.raises(DataError, match="give costs with impact_y=0"):
        xs.backtest(minutes, weights=np.full(minutes.close.shape, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xs.backtest(minutes, weights=np.full(minutes.close.shape, 0.1), costs=FREE).traded_usdt > 0


def test_a_result_needs_no_frame_library(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); import xsmom as xs\n"
        "from xsmom.lake.sample import SampleMarket\n"
        "r = xs.backtest(SampleMarket(12, 400, 86_400_000, 1).build(), 'weekly'); r.metrics\n"
        "print('polars' in sys.modules, 'plotly' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert answer.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"taker_bps": -5}, "taker_bps is -5, wants 0 to 500"),
        ({"half_spread_bps": float("nan")}, "half_spread_bps is nan, wants 0 to 1000"),
        ({"maker_share_frac": 1.5}, "maker_share_frac is 1.5, wants 0 to 1"),
    ],
)
def test_costs_that_nobody_charges_are_refused_in_their_own_unit(given: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        xs.Costs(**given)  # type: ignore[arg-type]


def test_an_empty_panel_is_told_so() -> None:
    nothing = np.zeros((0, 0))
    cells = dict.fromkeys(("open", "high", "low", "close", "volume_usdt"), nothing)
    with pytest.raises(DataError, match="a panel of 0 bars is empty"):
        xs.Panel.from_arrays(close_ms=np.zeros(0, dtype=np.int64), symbols=[], **cells)  # type: ignore[arg-type]
