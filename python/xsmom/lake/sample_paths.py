"""How prices, volume and funding of the sample market move, a chunk of bars at a time.

For name i in a bar of d days (docs/explanation/sample-market.md has the reasons):

    open_t  = close_{t-1} (1 + g),   g = 0.05 v n
    close_t = open_t (1 + B),        B = mu + beta v_F n_F + v_I n_I,   v^2 = beta^2 v_F^2 + v_I^2
    mu      = momentum * 0.06 * vol_day * d * z,   z an Ornstein-Uhlenbeck process of unit variance
    high, low: extremes of a Brownian bridge from 0 to B with variance v^2, each with its exact law

v_F, v_I: a daily level, times the exponential of AR(1) log volatilities, times the root of an inverse
chi-square, which makes the normal n a Student t. All signs are independent of all sizes, so with
momentum 0 the simple return of every bar has mean zero given all that came before.

Only the exponential is transcendental here, and its last bits, which differ between processors, are
rounded away; so are prices (6 digits), volume (1 USDT) and funding (1e-8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import Floats
from xsmom.domain.timeframe import DAY_MS
from xsmom.lake.sample_roster import HOUR_MS, Roster

CHUNK_BARS = 1_024
"""Bars drawn from one random stream; changing it changes every sample market."""

_FACTOR_VOL_DAY = 0.025
_LOGVOL_FACTOR = np.array([0.30, 0.35])  # of the fast and the slow part
_LOGVOL_NAME = 0.35
_DRIFT_OF_VOL = 0.06  # of a name's own daily volatility, at momentum 1
_GAP_OF_VOL = 0.05
_VOL_BAR_MAX = 0.20  # above it a normal could take more than the whole price
_MOVE_MAX, _LOW_MIN = 0.95, 0.02
_TREND_PREMIUM, _NOISE_PREMIUM, _CLAMP = 0.0004, 0.0003, 0.0005
_HALF_LIFE_DAYS = {"fast": 0.5, "slow": 20.0, "vol": 4.0, "drift": 12.0, "premium": 1 / 3, "trend": 2.0}
_ABSENT_PROBABILITY = 2e-4
_OUTAGE_EVERY_DAYS, _HALT_EVERY_DAYS = 400.0, 60.0  # of one name; of the whole market
_POWERS = np.array([10.0**power for power in range(23)])


class Bars(NamedTuple):
    """The clock of some bars."""

    close_ms: NDArray[np.int64]
    bar_ms: int

    @property
    def days(self) -> float:
        """Length of one bar in days."""
        return self.bar_ms / DAY_MS


class Chunk(NamedTuple):
    """The cells of some bars, in the order of `CELL_FIELDS`."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume_usdt: Floats
    funding_frac: Floats


@dataclass
class Walk:
    """The state that one chunk hands to the next."""

    price: Floats
    slow: Floats  # unit-variance AR(1) states: drift, volatility, premium of each name; 2 of the factor
    trend: Floats


def start_walk(rng: np.random.Generator, roster: Roster) -> Walk:
    """Begin every slow process in its stationary law: no burn-in is needed."""
    names = len(roster.symbols)
    return Walk(roster.price_usdt, rng.standard_normal(3 * names + 2), rng.standard_normal(names))


def draw_chunk(rng: np.random.Generator, roster: Roster, walk: Walk, bars: Bars, momentum: float) -> Chunk:
    """Draw these bars and move the walk to their end."""
    names, bar_days = len(roster.symbols), bars.days
    slow = _walk_slowly(rng, walk, bar_days, names)
    drift, logvol, premium = (slow[:, part * names : (part + 1) * names] for part in range(3))
    vol_f, vol_i, vol = _draw_vol(rng, roster, logvol, slow[:, 3 * names :], bar_days)
    shape = vol.shape
    move = roster.beta * (vol_f * rng.standard_normal((shape[0], 1))) + vol_i * rng.standard_normal(shape)
    move += momentum * _DRIFT_OF_VOL * bar_days * roster.vol_day * drift
    move = np.clip(move, -_MOVE_MAX, _MOVE_MAX)  # the same on both sides: the mean stays where it is
    _play_scenes(roster, bars, move)
    gap = np.clip(_GAP_OF_VOL * vol * rng.standard_normal(shape), -0.2, 0.2)
    steps = (1 + gap) * (1 + move)
    close = walk.price * np.cumprod(steps, axis=0)
    opens = np.concatenate((walk.price[None], close[:-1])) * (1 + gap)
    reach = 2 * vol * vol
    top = (move + np.sqrt(move * move + reach * rng.standard_exponential(shape))) / 2
    dip = (move - np.sqrt(move * move + reach * rng.standard_exponential(shape))) / 2
    cells = _round_prices(opens, opens * (1 + top), opens * np.maximum(1 + dip, _LOW_MIN), close)
    walk.price = close[-1].copy()
    usual = np.sqrt(((roster.beta * _FACTOR_VOL_DAY) ** 2 + roster.vol_day**2) * bar_days)
    activity = 0.3 + 0.4 * vol / usual + 0.3 * np.abs(move) / usual
    noise = _sum_exponentials(rng, 3, shape) / 3
    volume = np.rint(roster.volume_usdt_day * bar_days * activity * noise) + 1
    funding = _settle_funding(roster, walk, move / usual, premium, bars)
    opens, high, low, close = cells
    chunk = Chunk(opens, high, low, close, volume, funding)
    return _mask(chunk, roster, bars, _draw_absent(rng, shape, bars.bar_ms))


def _walk_slowly(rng: np.random.Generator, walk: Walk, bar_days: float, names: int) -> Floats:
    lives = np.array([_HALF_LIFE_DAYS[part] for part in ("drift", "vol", "premium", "fast", "slow")])
    decay = np.repeat(_decay(lives, bar_days), [names, names, names, 1, 1])
    path = rng.standard_normal((CHUNK_BARS, len(decay)))
    path *= np.sqrt(1 - decay * decay)
    walk.slow = _run_ar1(walk.slow, decay, path)
    return path


def _decay(half_life_days: Floats, bar_days: float) -> Floats:
    return np.round(0.5 ** (bar_days / half_life_days), 12)


def _run_ar1(state: Floats, decay: Floats, path: Floats) -> Floats:
    """Turn innovations into x_t = decay x_{t-1} + path_t in place; return the last row."""
    for row in range(len(path)):
        path[row] += decay * state
        state = path[row]
    return state.copy()


def _draw_vol(
    rng: np.random.Generator, roster: Roster, logvol: Floats, factor: Floats, bar_days: float
) -> tuple[Floats, Floats, Floats]:
    """Volatility of the bar: of the factor, of each name alone, of each name in all."""
    rows, names = logvol.shape
    # exp(h - var h) has mean square 1; so has the root of the mixed inverse chi-square. No matrix
    # product: the order in which BLAS sums differs between machines.
    log_f = factor[:, 0] * _LOGVOL_FACTOR[0] + factor[:, 1] * _LOGVOL_FACTOR[1]
    mixed_f = 2 / _sum_exponentials(rng, 3, (rows, 1))
    mixed_i = 1 / _sum_exponentials(rng, 2, (rows, names))
    level_f = _coarse_exp(log_f - np.sum(_LOGVOL_FACTOR**2))[:, None]
    vol_f = _FACTOR_VOL_DAY * np.sqrt(bar_days * mixed_f) * level_f
    level_i = _coarse_exp(_LOGVOL_NAME * logvol - _LOGVOL_NAME**2)
    vol_i = roster.vol_day * np.sqrt(bar_days * mixed_i) * level_i
    vol = np.sqrt((roster.beta * vol_f) ** 2 + vol_i * vol_i)
    shrink = np.minimum(1, _VOL_BAR_MAX / vol)
    return vol_f * shrink, vol_i * shrink, vol * shrink


def _sum_exponentials(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> Floats:
    total = rng.standard_exponential(shape)
    for _ in range(count - 1):
        total += rng.standard_exponential(shape)
    return total


def _coarse_exp(exponent: Floats) -> Floats:
    coarse: Floats = np.rint(np.exp(exponent) * 2.0**20) / 2.0**20
    return coarse


def _play_scenes(roster: Roster, bars: Bars, move: Floats) -> None:
    """One squeeze (times 3 in a day, 40 % given back over three) and one collapse (to a twentieth)."""
    scenes = (
        (roster.squeeze, roster.squeeze_ms, DAY_MS, 3.0),
        (roster.squeeze, roster.squeeze_ms + DAY_MS, 3 * DAY_MS, 0.6),
        (roster.collapse, roster.collapse_ms, DAY_MS, 0.05),
    )
    for column, begin_ms, length_ms, factor in scenes:
        if column < 0:
            continue
        count = max(1, length_ms // bars.bar_ms)
        place = bars.close_ms // bars.bar_ms - 1 - -(-begin_ms // bars.bar_ms)
        rows = (place >= 0) & (place < count)
        scripted = factor ** (1 / count) - 1 + 0.3 * move[rows, column]
        move[rows, column] = np.maximum(scripted, _LOW_MIN + 0.01 - 1)


def _round_prices(opens: Floats, high: Floats, low: Floats, close: Floats) -> list[Floats]:
    """Six significant digits of the close, for all four: rounding alike keeps their order."""
    digits = np.clip(5 - np.floor(np.log10(close)), 0, len(_POWERS) - 1)
    scale = _POWERS[digits.astype(np.int64)]
    return [np.rint(price * scale) / scale for price in (opens, high, low, close)]


def _settle_funding(roster: Roster, walk: Walk, surprise: Floats, noise: Floats, bars: Bars) -> Floats:
    """Rate per settlement, times the settlements in the bar (open exclusive, close inclusive)."""
    decay = _decay(np.full(len(roster.symbols), _HALF_LIFE_DAYS["trend"]), bars.days)
    trend = surprise * np.sqrt(1 - decay * decay)
    walk.trend = _run_ar1(walk.trend, decay, trend)
    premium = _TREND_PREMIUM * trend + _NOISE_PREMIUM * noise
    interest = 0.0003 * roster.funding_ms / DAY_MS
    rate = premium + np.clip(interest - premium, -_CLAMP, _CLAMP)
    rate = np.clip(rate, -roster.funding_frac_cap, roster.funding_frac_cap)
    closes = bars.close_ms[:, None]
    prints = closes // roster.funding_ms - (closes - bars.bar_ms) // roster.funding_ms
    settled: Floats = np.rint(rate * 1e8) / 1e8 * prints
    return settled


def _draw_absent(rng: np.random.Generator, shape: tuple[int, int], bar_ms: int) -> NDArray[np.bool_]:
    """Bars that were never published: single ones, outages of a name, halts of all."""
    rows = shape[0]
    absent = rng.random(shape) < _ABSENT_PROBABILITY
    outages = rng.random(shape) < bar_ms / DAY_MS / _OUTAGE_EVERY_DAYS
    halts = rng.random(rows) < bar_ms / DAY_MS / _HALT_EVERY_DAYS
    # Drawn for every place, so that how many there are moves no later draw.
    outage_bars = rng.integers(2, 13, shape) * HOUR_MS // bar_ms
    halt_bars = rng.integers(1, 6, rows) * HOUR_MS // bar_ms
    for row, column in np.argwhere(outages):
        absent[row : row + outage_bars[row, column], column] = True
    for row in np.flatnonzero(halts):
        absent[row : row + halt_bars[row]] = True
    return absent


def _mask(chunk: Chunk, roster: Roster, bars: Bars, absent: NDArray[np.bool_]) -> Chunk:
    """NaN before listing, after delisting, and where the bar is absent; funding is paid in a gap too."""
    closes = bars.close_ms[:, None]
    unknown = (closes - bars.bar_ms < roster.listed_ms) | (closes > roster.delisted_ms)
    for cells in chunk[:-1]:
        cells[unknown | absent] = np.nan
    chunk.funding_frac[unknown] = np.nan
    return chunk
