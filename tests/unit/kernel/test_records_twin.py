"""The Python twin of the kernel's records: the posterior against SciPy, bans and pauses by hand."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import beta

from tests.oracle.records import barred, beta_cdf, fails, replay

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def trips(results: list[float], at_ms: int = HOUR_MS, symbol: int = 0) -> list[dict[str, Any]]:
    return [{"kind": "trip", "symbol": symbol, "net_usdt": net, "at_ms": at_ms} for net in results]


@pytest.mark.parametrize("wins", [0, 1, 8, 70])
@pytest.mark.parametrize("losses", [0, 2, 9, 110])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.4, 0.55, 0.99, 1.0])
def test_the_posterior_is_that_of_scipy(wins: int, losses: int, rate: float) -> None:
    wanted = float(beta.cdf(rate, 1 + wins, 1 + losses))
    assert beta_cdf(wins, losses, rate) == pytest.approx(wanted, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize(
    ("wins", "gain", "losses", "failed"),
    [
        (8, 1.0, 0, False),
        (0, 1.0, 8, True),
        (0, 1.0, 7, False),
        (1, 1.0, 7, True),
        (2, 1.0, 6, False),
        (1, 20.0, 7, False),
        (40, 0.1, 40, False),
    ],
)
def test_a_ban_needs_both_thresholds_missed(wins: int, gain: float, losses: int, failed: bool) -> None:
    record = {"wins": wins, "losses": losses, "gain_usdt": wins * gain, "loss_usdt": float(losses)}
    assert fails(record, {}) is failed


def test_a_ban_empties_the_record() -> None:
    params = {"symbol_score_enabled": True, "streak_losses": 0}
    state = replay(trips([-1.0] * 8), 1, params)
    assert barred(state, 0, HOUR_MS) == [(HOUR_MS + DAY_MS, "banned")] * 2
    assert barred(state, 0, HOUR_MS + DAY_MS) == [(0, None)] * 2
    later = trips([-1.0] * 7, at_ms=10 * DAY_MS)
    assert barred(replay(trips([-1.0] * 8) + later, 1, params), 0, 10 * DAY_MS)[0] == (0, None)


def test_streaks_pause_the_symbol_or_the_book() -> None:
    events = trips([-1.0, -1.0, 0.0, -1.0])
    assert barred(replay(events, 2, {}), 0, HOUR_MS) == [(HOUR_MS + DAY_MS, "streak")] * 2
    assert barred(replay(events, 2, {}), 1, HOUR_MS) == [(0, None)] * 2
    book = replay(events, 2, {"streak_scope": "book"})
    assert barred(book, 1, HOUR_MS) == [(HOUR_MS + DAY_MS, "streak")] * 2
    broken = trips([-1.0, -1.0, 1.0, -1.0])
    assert barred(replay(broken, 2, {}), 0, HOUR_MS) == [(0, None)] * 2


def test_a_stop_bars_its_side() -> None:
    state = replay([{"kind": "stop", "symbol": 0, "side": 1, "at_ms": HOUR_MS}], 1, {})
    assert barred(state, 0, HOUR_MS) == [(0, None), (25 * HOUR_MS, "cooldown")]
    assert state["awaiting_reentry"] == [[False, True]]
