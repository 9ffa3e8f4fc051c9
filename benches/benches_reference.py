"""What the core is measured against: the decision in plain NumPy, and a C program where one is at hand.

The NumPy form is what a competent user would write: whole-panel arrays, prefix sums for the rolling
volatility, argpartition for the selection. The C program is compiled with every liberty that its
compiler takes (-O3 -march=native -ffast-math); it decides and accounts in one pass.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from xsmom import _core

BAR_MS = 3_600_000
BARS, NAMES = 35_040, 100
LOOKBACKS = (12, 24, 48, 96)
LOOKBACK_WEIGHTS = (0.4, 0.3, 0.2, 0.1)
POWER = 1.35
NAMES_A_SIDE = 10
VOL_BARS = 96
CAP = 0.20
GROSS = 1.5
FEE, SLIP = 0.000_55, 0.0002
ANCHOR = Path(__file__).resolve().parents[2] / "shared" / "perf" / "c" / "xsmom.c"


class Market(NamedTuple):
    """Arrays of a random market, bars by names."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume_usdt: np.ndarray
    funding_frac: np.ndarray


def make_market(bars: int, names: int, seed: int = 20261120) -> Market:
    """Random walks with one common factor, hourly in scale, funding every eighth bar."""
    rng = np.random.default_rng(seed)
    own = rng.uniform(0.005, 0.016, names)
    beta = rng.uniform(0.6, 1.4, names)
    steps = rng.standard_normal((bars, names))
    steps *= own
    steps += (rng.standard_normal(bars) * 0.006)[:, None] * beta
    np.cumsum(steps, axis=0, out=steps)
    close = np.exp(steps) * np.exp(rng.uniform(-2.0, 10.0, names))
    open_ = np.empty_like(close)
    open_[0], open_[1:] = close[0], close[:-1]
    high = np.maximum(open_, close) * (1 + np.abs(rng.standard_normal((bars, names))) * own / 2)
    low = np.minimum(open_, close) * (1 - np.abs(rng.standard_normal((bars, names))) * own / 2)
    volume = np.exp(rng.standard_normal((bars, names))) * 1e6
    funding = np.zeros((bars, names))
    funding[::8] = 1e-4 * (1 + rng.standard_normal((len(funding[::8]), names)) / 2)
    return Market(open_, high, low, close, volume, funding)


def make_panel(market) -> SimpleNamespace:
    """The arrays as the core takes them."""
    bars, names = market.close.shape
    return SimpleNamespace(
        bar_ms=BAR_MS,
        close_ms=(np.arange(bars, dtype=np.int64) + 400_000) * BAR_MS,
        symbols=tuple(f"S{i:03}" for i in range(names)),
        **market._asdict(),
        settles=(market.funding_frac != 0).any(axis=1),  # as the package's panel says
        listed_ms=np.zeros(names, dtype=np.int64),
        delisted_ms=np.full(names, np.iinfo(np.int64).max),
    )


def classic(**changes) -> _core.Params:
    """The strategy alone, as the C program knows it: everything that can be switched off is."""
    fields = _core.params_defaults() | {
        "lookback_bars": list(LOOKBACKS),
        "lookback_weights": list(LOOKBACK_WEIGHTS),
        "signal_power": POWER,
        "vol_bars": VOL_BARS,
        "vol_floor_ann_frac": 0.0,
        "zscore_clip": 0.0,
        "redemean": False,
        "k_frac": 0.0,
        "k_min": NAMES_A_SIDE,
        "k_max": NAMES_A_SIDE,
        "gross_x": GROSS,
        "gross_hard_cap_x": GROSS,
        "weight_long_max_frac": CAP,
        "weight_short_max_frac": CAP,
        "catastrophic_atr_x": 0.0,
        "band_frac": 0.0,
        "streak_losses": 0,
        "cooldown_bars": 0,
        "daily_loss_max_frac": 0.0,
        **changes,
    }
    return _core.Params(**fields)


def numpy_weights(close: np.ndarray) -> np.ndarray:
    """Momentum, z, power, the K best and worst, inverse volatility, caps: every bar's weights."""
    bars, names = close.shape
    first = max(*LOOKBACKS, VOL_BARS)
    returns = np.zeros_like(close)
    np.divide(close[1:], close[:-1], out=returns[1:])
    returns[1:] -= 1
    score = np.zeros((bars - first, names))
    for lookback, weight in zip(LOOKBACKS, LOOKBACK_WEIGHTS, strict=True):
        score += weight * (close[first:] / close[first - lookback : bars - lookback] - 1)
    score -= score.mean(axis=1, keepdims=True)
    score /= score.std(axis=1, keepdims=True)
    score = np.sign(score) * np.abs(score) ** POWER
    sums, squares = np.cumsum(returns, axis=0), np.cumsum(returns * returns, axis=0)
    total = sums[VOL_BARS:] - sums[:-VOL_BARS]
    total_squares = squares[VOL_BARS:] - squares[:-VOL_BARS]
    variance = (total_squares - total * total / VOL_BARS) / (VOL_BARS - 1)
    sigma = np.sqrt(np.maximum(variance, 0))[first - VOL_BARS :]
    order = np.argpartition(score, (NAMES_A_SIDE - 1, names - NAMES_A_SIDE), axis=1)
    legs = []
    for picked, side in ((order[:, names - NAMES_A_SIDE :], 1.0), (order[:, :NAMES_A_SIDE], -1.0)):
        raw = np.maximum(side * np.take_along_axis(score, picked, 1), 0)
        raw /= np.take_along_axis(sigma, picked, 1)
        raw *= GROSS / 2 / raw.sum(axis=1, keepdims=True)
        np.minimum(raw, CAP, out=raw)
        legs.append((picked, side, raw, raw.sum(axis=1, keepdims=True)))
    smaller = np.minimum(legs[0][3], legs[1][3])
    weights = np.zeros((bars, names))
    for picked, side, raw, held in legs:
        np.put_along_axis(weights[first:], picked, raw * (side * smaller / held), 1)
    return weights


def numpy_equity(weights: np.ndarray, market: Market) -> np.ndarray:
    """Whole-panel arrays once more: weights times returns less costs on the change of weights."""
    held = weights[:-1]
    gain = (held * (market.close[1:] / market.close[:-1] - 1 - market.funding_frac[1:])).sum(axis=1)
    turnover = np.abs(np.diff(weights, axis=0)).sum(axis=1)
    return np.concatenate([[1.0], np.cumprod(1 + gain - (FEE + SLIP) * turnover)])


def numpy_account(weights: np.ndarray, market: Market, cash: float) -> np.ndarray:
    """The exact account, bar by bar: funding on what is held, then units to their weights at the close."""
    units = np.zeros(weights.shape[1])
    equity = np.empty(len(weights))
    for t, (wanted, price, rate) in enumerate(zip(weights, market.close, market.funding_frac, strict=True)):
        value = units * price
        cash -= float(value @ rate)
        target = wanted * (cash + value.sum()) / price
        step = target - units
        executed = price * (1 + SLIP * np.sign(step))
        cash -= float(step @ executed + FEE * (np.abs(step) @ executed))
        units = target
        equity[t] = cash + units @ price
    return equity


class Anchor:
    """The C program behind one function; `stage` 5 decides and accounts, 6 adds trailing stops."""

    def __init__(self, folder: Path) -> None:
        if not ANCHOR.exists():
            pytest.skip("the C anchor is not beside this checkout")
        if shutil.which("gcc") is None:
            pytest.skip("no gcc on this machine to compile the C anchor")
        library = folder / "anchor.so"
        flags = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-shared"]
        subprocess.run(["gcc", *flags, str(ANCHOR), "-o", str(library), "-lm"], check=True)
        self.function = ctypes.CDLL(str(library)).xsmom
        self.function.restype = ctypes.c_double

    def run(self, market: Market, stage: int = 5) -> np.ndarray:
        bars, names = market.close.shape
        equity = np.empty(bars)
        pointer = lambda array: array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))  # noqa: E731
        self.function(
            *(pointer(a) for a in (market.close, market.high, market.low, market.funding_frac)),
            ctypes.c_long(bars),
            ctypes.c_int(names),
            (ctypes.c_int * 4)(*LOOKBACKS),
            (ctypes.c_double * 4)(*LOOKBACK_WEIGHTS),
            ctypes.c_double(POWER),
            ctypes.c_int(NAMES_A_SIDE),
            ctypes.c_int(VOL_BARS),
            *(ctypes.c_double(x) for x in (CAP, GROSS, FEE, SLIP, 2.5)),
            ctypes.c_int(24),
            ctypes.c_int(stage),
            ctypes.c_int(0),
            pointer(equity),
        )
        return equity


def cpu_medians(functions: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Median CPU seconds of each function, taken in turn, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            start = time.process_time()
            function()
            if turn:
                seconds[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}
