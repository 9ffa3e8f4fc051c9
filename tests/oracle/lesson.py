"""A market with something to learn: calm names go on as they went, wild ones turn back.

The momentum rule takes both kinds; only who looks at volatility can tell which entries pay.
"""

from typing import Any

import numpy as np

MEMORY_BARS = 8
CALM, WILD = 0.004, 0.008


def lesson_market(bars: int, names: int, bar_ms: int, seed: int = 5, pull: float = 1.5) -> dict[str, Any]:
    """Arrays of a panel of `names` names, the first half calm."""
    rng = np.random.default_rng(seed)
    sigma = np.where(np.arange(names) < names // 2, CALM, WILD)
    follow = np.where(sigma == CALM, pull, -pull)
    moves = np.zeros((bars, names))
    for t in range(bars):
        past = moves[max(0, t - MEMORY_BARS) : t].sum(axis=0) / np.sqrt(MEMORY_BARS)
        lean = np.clip(follow * past / sigma, -1.5, 1.5) * 0.5
        moves[t] = sigma * (rng.standard_normal(names) + lean)
    close = 100.0 * np.exp(np.cumsum(moves, axis=0))
    opened = np.vstack([np.full(names, 100.0), close[:-1]])
    wick = 1.0 + 0.3 * sigma * np.abs(rng.standard_normal((bars, names)))
    return {
        "close_ms": (np.arange(bars, dtype=np.int64) + 200_000) * bar_ms,
        "symbols": tuple(f"N{i:02}" for i in range(names)),
        "open": opened,
        "high": np.maximum(opened, close) * wick,
        "low": np.minimum(opened, close) / wick,
        "close": close,
        "volume_usdt": np.exp(rng.standard_normal((bars, names))) * 1e7,
        "funding_frac": np.zeros((bars, names)),
        "listed_ms": np.zeros(names, dtype=np.int64),
        "delisted_ms": np.full(names, np.iinfo(np.int64).max),
    }
