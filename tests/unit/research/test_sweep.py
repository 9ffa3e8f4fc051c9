"""A sweep: rows that are each configuration's own run, luck beside the best, Ctrl-C, and what is refused."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import xsmom as xs
from xsmom import stats
from xsmom.errors import ConfigError, DataError
from xsmom.lake.sample import SampleMarket
from xsmom.research.luck import measure_luck
from xsmom.research.sweep import FIGURES

HOUR_MS = 3_600_000
POINTS = [
    {"strategy.signal_power": power, "strategy.k_max": k, "risk.atr_mult_sl": stop}
    for power in (1.0, 1.35)
    for k in (4, 7)
    for stop in (0, 2.5)
]
# Means over bars are summed in another order than NumPy does.
NEARLY = {"gross_mean_frac", "net_mean_frac", *(name for name in FIGURES if name.endswith(("_year_frac", "_year_x")))}


@pytest.fixture(scope="module")
def panel() -> xs.Panel:
    return SampleMarket(symbols=16, bars=24 * 60, bar_ms=HOUR_MS, seed=3).build()


@pytest.fixture(scope="module")
def frame(panel: xs.Panel) -> pl.DataFrame:
    return xs.sweep(panel, POINTS, base="classic")


def test_each_row_is_the_backtest_of_its_configuration(panel: xs.Panel, frame: pl.DataFrame) -> None:
    for point, row in zip(POINTS, frame.iter_rows(named=True), strict=True):
        config = xs.load_config("classic", set=point)
        found = xs.backtest(panel, config).metrics
        assert row["config_hash"] == config.config_hash
        assert {name: row[name] for name in point} == point
        assert row["psr"] == found["gate"]
        for name in set(FIGURES) & set(found):
            want = pytest.approx(found[name], rel=1e-12, nan_ok=True)
            assert row[name] == want, name
            assert name in NEARLY or row[name] == found[name] or np.isnan(found[name]), name


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(panel: xs.Panel, frame: pl.DataFrame, threads: int) -> None:
    assert xs.sweep(panel, POINTS, base="classic", threads=threads).equals(frame, null_equal=True)


def test_the_order_of_the_list_is_the_order_of_the_rows(panel: xs.Panel, frame: pl.DataFrame) -> None:
    again = xs.sweep(panel, POINTS[::-1], base="classic")
    assert again["config_hash"].to_list() == frame["config_hash"].to_list()[::-1]
    assert again["sharpe"].to_list() == frame["sharpe"].to_list()[::-1]
    assert again["config"].to_list() == list(range(len(POINTS)))


def test_daily_returns_are_those_of_the_backtest(panel: xs.Panel) -> None:
    frame, daily = xs.sweep(panel, POINTS[:3], base="classic", daily_returns=True)
    assert daily.columns == ["day", "0", "1", "2"]
    assert frame.height == 3
    for place, point in enumerate(POINTS[:3]):
        alone = xs.backtest(panel, xs.load_config("classic", set=point)).daily_returns
        assert daily["day"].equals(alone["day"])
        assert daily[str(place)].to_list() == alone["return_frac"].to_list()


def test_whole_configurations_tell_what_differs(panel: xs.Panel) -> None:
    configs = [
        xs.load_config("classic", set={"strategy.gross_leverage": x, "costs.taker_fee_bps": 5}) for x in (1, 0.5)
    ]
    frame = xs.sweep(panel, configs)
    assert frame.columns[:3] == ["config", "strategy.gross_leverage", "sharpe"]
    assert frame["strategy.gross_leverage"].to_list() == [1.0, 0.5]
    named = xs.sweep(panel, ["classic"])
    assert named["trials"].to_list() == [1]
    assert named["sharpe_luck"].to_list() == [0.0]


def test_costs_and_fills_may_differ_by_configuration(panel: xs.Panel) -> None:
    points: list[dict[str, object]] = [
        {"costs.taker_fee_bps": 0.0},
        {"costs.taker_fee_bps": 20.0},
        {"costs.fill": "close"},
    ]
    frame = xs.sweep(panel, points, base="classic")
    fees = frame["fee_year_frac"].to_list()
    assert fees[0] < fees[1]
    for point, sharpe in zip(points, frame["sharpe"], strict=True):
        assert sharpe == xs.backtest(panel, xs.load_config("classic", set=point)).metrics["sharpe"]
    # What is given to the call goes over what the configurations say.
    same = xs.sweep(panel, points[:2], base="classic", costs=xs.Costs.free(), fill_at="close", cash_usdt=1e6)
    assert same["sharpe"][0] == same["sharpe"][1]
    assert same["cost_year_frac"].to_list() == [0.0, 0.0]


def leaping(panel: xs.Panel, name: int, bar: int, times: float) -> xs.Panel:
    """The same market, in which one name opens so many times higher at one bar."""
    lift = np.ones((panel.bars, len(panel.symbols)))
    lift[bar:, name] = times
    fields = {name: getattr(panel, name) * lift for name in ("open", "high", "low", "close")}
    same = {name: getattr(panel, name) for name in ("close_ms", "symbols", "volume_usdt", "funding_frac", "bar_ms")}
    return xs.Panel.from_arrays(**fields, **same)


def test_a_ruined_configuration_is_a_row(panel: xs.Panel) -> None:
    # The name is held short at the close of bar 650.
    points = [{"strategy.gross_leverage": 0.001}, {"strategy.gross_leverage": 1.5}]
    frame = xs.sweep(leaping(panel, 14, 651, 60.0), points, base="classic")
    assert (frame["bankrupt"] | frame["liquidated"]).to_list() == [False, True]
    assert frame["total_return"].to_list() == pytest.approx([0.0, -1.0], abs=0.2)


def test_the_level_of_luck_is_that_of_the_formula(frame: pl.DataFrame) -> None:
    sharpe = frame["sharpe"].to_numpy() / np.sqrt(365)
    days = frame["days"][0]
    spread = max(sharpe.var(ddof=1), 1 / (days - 1))
    level = np.sqrt(spread) * stats.expected_max(len(POINTS))
    assert frame["sharpe_luck"].to_list() == pytest.approx([level * np.sqrt(365)] * len(POINTS))
    assert frame["trials"].to_list() == [len(POINTS)] * len(POINTS)
    # DSR falls with the number of trials, and is PSR where there was one.
    assert (frame["dsr"] <= frame["psr"] + 1e-12).all()
    assert measure_luck(np.array([0.1]), 100).sharpe == 0.0


def test_luck_is_what_noise_shows() -> None:
    """The best of many series without any skill lies, on average, where the level says."""
    rng = np.random.default_rng(1)
    days, trials = 730, 200
    best, level = [], []
    for _ in range(60):
        returns = rng.standard_normal((trials, days)) * 0.01
        sharpe = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        best.append(sharpe.max())
        level.append(measure_luck(sharpe, days).per_day)
    assert np.mean(best) == pytest.approx(np.mean(level), rel=0.03)


def test_twins_do_not_lower_the_bar() -> None:
    sharpe = np.full(100, 0.02)
    assert measure_luck(sharpe, 401).per_day == pytest.approx(stats.expected_max(100) / 20)


def long_market() -> xs.Panel:
    return SampleMarket(symbols=40, bars=24 * 300, bar_ms=HOUR_MS, seed=3).build()


def test_ctrl_c_gives_back_what_is_done() -> None:
    panel = long_market()
    points = [{"strategy.signal_power": 1 + place / 500} for place in range(400)]

    def interrupt(done: int, _all: int) -> None:
        if done > 40:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.warns(RuntimeWarning, match=r"interrupted: \d+ of 400 configurations are done"):
        frame = xs.sweep(panel, points, base="classic", threads=1, progress=interrupt)
    assert 0 < frame.height < 400
    assert frame["trials"].to_list() == [frame.height] * frame.height
    place = frame["config"][0]
    alone = xs.backtest(panel, xs.load_config("classic", set=points[place]))
    assert frame["sharpe"][0] == alone.metrics["sharpe"]


def test_ctrl_c_is_heard_in_the_middle_of_the_work() -> None:
    panel = long_market()
    points = [{"strategy.signal_power": 1 + place / 500} for place in range(400)]
    timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
    started: list[int] = []

    def start(done: int, _all: int) -> None:
        if not started:
            started.append(done)
            timer.start()

    with pytest.warns(RuntimeWarning, match="interrupted"):
        xs.sweep(panel, points, base="classic", progress=start)


def test_progress_rises_to_all(panel: xs.Panel) -> None:
    told: list[tuple[int, int]] = []
    xs.sweep(panel, POINTS * 5, base="classic", threads=2, progress=lambda done, all_: told.append((done, all_)))
    assert told[-1] == (40, 40)
    assert told == sorted(told)


def test_what_progress_raises_comes_out(panel: xs.Panel) -> None:
    def fail(done: int, all_: int) -> None:
        raise ValueError(f"{done} of {all_} is enough")

    began = time.monotonic()
    with pytest.raises(ValueError, match="is enough"):
        xs.sweep(panel, POINTS * 20, base="classic", progress=fail)
    assert time.monotonic() - began < 60


Call = Callable[[xs.Panel], Any]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: xs.sweep(p, []), ConfigError, "a sweep wants a list of configurations"),
        (lambda p: xs.sweep(p, "classic"), ConfigError, "a sweep wants a list of configurations"),
        (lambda p: xs.sweep(p, POINTS), ConfigError, "name it, such as base='weekly'"),
        (lambda p: xs.sweep(p, ["classic", POINTS[0]], base="classic"), ConfigError, "give one kind"),
        (
            lambda p: xs.sweep(p, ["weekly"]),
            ConfigError,
            "config 0: strategy.timeframe is 1d and the panel has bars of 1h",
        ),
        (
            lambda p: xs.sweep(p, [{}, {"strategy.k_min": 9, "strategy.k_max": 4}], base="classic"),
            ConfigError,
            r"config 1 \(strategy.k_min=9, strategy.k_max=4\): set: strategy.k_min 9 must not be above",
        ),
        (
            lambda p: xs.sweep(p, [{"strategy.k_maxi": 9}] * 3, base="classic"),
            ConfigError,
            r"did you mean strategy.k_max\? \(2 more cannot be run either\)",
        ),
        (lambda p: xs.sweep(p.slice(0, 50), ["classic"]), DataError, "config 0: the panel has 50 bars and this"),
        (lambda p: xs.sweep(p, ["classic"], threads=0), ConfigError, "threads is 0, wants at least 1"),
        (lambda p: xs.sweep(p, ["classic"], delay_bars=-1), ConfigError, "delay_bars is -1"),
        (
            lambda p: xs.sweep(p, ["classic"], contracts=([1.0], [5.0])),
            xs.XsmomError,
            "qty_step: wants 16 finite values",
        ),
        (lambda _: xs.sweep(None, ["classic"]), DataError, "panel is a NoneType"),  # type: ignore[call-overload]
    ],
)
def test_what_cannot_be_run_is_refused_before_the_first_run(
    panel: xs.Panel, call: Call, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(panel)
