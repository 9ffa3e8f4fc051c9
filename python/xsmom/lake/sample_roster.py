"""Who trades on the sample market: size, beta, volatility, listing dates, funding terms of each name.

All of it is drawn before the first bar and counted in days from the start, so a longer market begins
with the very bars of a shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import NEVER_MS, Floats, Stamps
from xsmom.domain.timeframe import DAY_MS

HOUR_MS = 3_600_000
MAJORS = ("BTCUSDT", "ETHUSDT")
NAMES_MAX = 26**3 + len(MAJORS)

_MAJOR_FACTS = {"BTCUSDT": (30_000.0, 0.9, 0.012), "ETHUSDT": (2_000.0, 1.1, 0.018)}  # price, beta, vol
_LATE_SHARE = 0.3
_DEAD_SHARE = 0.1
_AGE_MS_LEAST = 20 * DAY_MS  # what a name lives at least, so that each can be traded
_COLLAPSE_TO_DELISTING_MS = 10 * DAY_MS


@dataclass(frozen=True)
class Roster:
    """Facts of each name, one value per column, columns in the order of the sorted symbols."""

    symbols: tuple[str, ...]
    price_usdt: Floats
    volume_usdt_day: Floats
    beta: Floats
    vol_day: Floats
    listed_ms: Stamps
    delisted_ms: Stamps
    funding_ms: Stamps
    funding_frac_cap: Floats
    squeeze: int
    squeeze_ms: int
    collapse: int
    collapse_ms: int


def draw_roster(
    rng: np.random.Generator, names: int, start_ms: int, bar_ms: int, *, churn: bool, drama: bool
) -> Roster:
    """Draw all facts; the number of draws depends on the number of names alone."""
    symbols = _make_symbols(names)
    majors = np.array([symbol in MAJORS for symbol in symbols])
    place = {symbol: column for column, symbol in enumerate(symbols)}
    others = rng.permutation(np.flatnonzero(~majors))  # from the largest to the smallest
    rank = np.empty(names)
    rank[[place[symbol] for symbol in MAJORS[:names]]] = np.arange(min(names, len(MAJORS)))
    rank[others] = np.arange(len(MAJORS), len(MAJORS) + len(others))
    price = np.round(1 + 9 * rng.random(names), 3) * _tenth_powers(rng.integers(0, 5, names))
    beta, vol_day = 0.7 + 0.9 * rng.random(names), 0.025 + 0.03 * rng.random(names)
    for major, facts in _MAJOR_FACTS.items():
        if major in place:
            price[place[major]], beta[place[major]], vol_day[place[major]] = facts
    hours = rng.choice([8, 4, 1], size=names, p=[0.6, 0.3, 0.1])
    hours[majors] = 8
    caps = np.select([majors, hours == 8, hours == 4], [0.00375, 0.02, 0.01], 0.005)
    listed_ms, delisted_ms = _draw_dates(rng, others, names, start_ms, bar_ms, churn=churn)
    # Only names that trade from the start to the end are cast, so that both scenes are seen whole.
    cast = [int(i) for i in others if listed_ms[i] <= start_ms and delisted_ms[i] == NEVER_MS]
    days = rng.integers([12, 25], [18, 35])
    collapse = cast[-1] if drama else -1
    if drama:
        ending_ms = start_ms + int(days[1]) * DAY_MS + DAY_MS + _COLLAPSE_TO_DELISTING_MS
        delisted_ms[collapse] = -(-ending_ms // bar_ms) * bar_ms
    return Roster(
        symbols=symbols,
        price_usdt=price,
        volume_usdt_day=np.round(2e9 / (1 + rank) ** 1.1, -3),
        beta=beta,
        vol_day=vol_day,
        listed_ms=listed_ms,
        delisted_ms=delisted_ms,
        funding_ms=hours.astype(np.int64) * HOUR_MS,
        funding_frac_cap=caps,
        squeeze=cast[len(cast) // 2] if drama else -1,
        squeeze_ms=start_ms + int(days[0]) * DAY_MS,
        collapse=collapse,
        collapse_ms=start_ms + int(days[1]) * DAY_MS,
    )


def _make_symbols(names: int) -> tuple[str, ...]:
    """Three letters and two digits: nobody takes them for coins. The multiplier scatters the alphabet."""
    symbols = list(MAJORS[:names])
    for index in range(names - len(symbols)):
        code = (index * 7919 + 4242) % 26**3  # 7919 is prime to 26: no code comes twice
        letters = "".join(chr(ord("A") + code // 26**power % 26) for power in (2, 1, 0))
        symbols.append(f"{letters}{index % 100:02d}USDT")
    return tuple(sorted(symbols))


def _tenth_powers(powers: NDArray[np.int64]) -> Floats:
    return np.array([0.001, 0.01, 0.1, 1.0, 10.0])[powers]


def _draw_dates(
    rng: np.random.Generator,
    others: NDArray[np.int64],
    names: int,
    start_ms: int,
    bar_ms: int,
    *,
    churn: bool,
) -> tuple[Stamps, Stamps]:
    """Most names are older than the market's first bar; some come later, some go.

    Arrivals and ends lie on ladders of days with widening rungs, so that short and long markets
    both see some.
    """
    age_ms = rng.integers(100, 1_200, names) * DAY_MS
    listed_ms = start_ms - age_ms
    delisted_ms = np.full(names, NEVER_MS)
    late = rng.permutation(others)[: round(_LATE_SHARE * len(others))]
    dead = rng.permutation(others)[: round(_DEAD_SHARE * len(others))]
    late_days = 2 * np.arange(1, len(late) + 1) ** 1.5 * (0.8 + 0.4 * rng.random(len(late)))
    dead_days = 30 * np.arange(1, len(dead) + 1) ** 1.3 * (0.8 + 0.4 * rng.random(len(dead)))
    if churn:
        listed_ms[late] = _on_grid(start_ms + np.round(late_days * 24) * HOUR_MS, bar_ms)
        ends_ms = start_ms + np.round(dead_days * 24) * HOUR_MS
        delisted_ms[dead] = _on_grid(np.maximum(ends_ms, listed_ms[dead] + _AGE_MS_LEAST), bar_ms)
    return listed_ms, delisted_ms


def _on_grid(at_ms: Floats, bar_ms: int) -> Stamps:
    return -(-at_ms.astype(np.int64) // bar_ms) * bar_ms
