"""Seeded random lives of one symbol, and of a book's records: what the Rust tests are held against.

`python -m tests.oracle.exits_cases > tests/vectors/exits_twin.json` writes the file anew; a test says
when the file and the twin have parted.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

from tests.oracle.exits import FLAT, run
from tests.oracle.records import barred, replay

Dict = dict[str, Any]
HOUR_MS = 3_600_000
START_MS = 1_700_006_400_000
SEED = 20_240_611
EXIT_CASES = 24
RECORD_CASES = 10
SYMBOLS = 3


def random_params(rng: random.Random) -> Dict:
    ladder = sorted(rng.sample([0.5, 1.0, 1.5, 2.0, 3.0], rng.choice([0, 0, 1, 2, 3])))
    by_price = rng.random() < 0.3
    share = round(rng.uniform(0.2, 1.0 / max(len(ladder), 1)), 3)
    stop_atr_x = rng.choice([0.0, 1.0, 2.0, 3.0])
    return {
        "bar_ms": rng.choice([HOUR_MS, 60_000]),
        "stop_atr_x": stop_atr_x,
        "catastrophic_atr_x": 3.5,
        "trailing_enabled": rng.random() < 0.5,
        "trail_kind": rng.choice(["chandelier", "ma_atr"]),
        "trail_atr_x": rng.choice([0.5, 1.0, 2.5]),
        "breakeven_after_r": rng.choice([0.0, 0.5, 1.0]),
        "profit_locks_r": rng.choice([[], [[0.8, 0.0], [1.5, 0.5], [2.5, 1.2]]]),
        "ladder_unit": "price_frac" if by_price else "r",
        "ladder": [[at / 50 if by_price else at, share] for at in ladder],
        "no_progress_bars": rng.choice([0, 0, 4, 9]),
        "no_progress_min_r": rng.choice([0.3, 0.5]),
        "hold_bars_max": rng.choice([0, 0, 8, 15]),
        "regime_flip_exit": rng.random() < 0.4,
        "regime_slope_min_bps_day": 2.0,
        "stop_move_min_frac": rng.choice([0.0, 0.001, 0.01]),
        "stop_move_min_ms": 180_000,
    }


def random_bar(rng: random.Random, price: float, close_ms: int, bar_ms: int) -> Dict:
    if rng.random() < 0.05:
        prices = dict.fromkeys(("open", "high", "low", "close"), math.nan)
    else:
        opened = price * (1 + rng.gauss(0, 0.004))
        closed = opened * (1 + rng.gauss(0, 0.012))
        prices = {
            "open": opened,
            "high": max(opened, closed) * (1 + abs(rng.gauss(0, 0.006))),
            "low": min(opened, closed) * (1 - abs(rng.gauss(0, 0.006))),
            "close": closed,
        }
    last = price if math.isnan(prices["close"]) else prices["close"]
    atr = math.nan if rng.random() < 0.05 else last * rng.uniform(0.008, 0.02)
    return {
        "open_ms": close_ms - bar_ms,
        "close_ms": close_ms,
        **{name: short(value) for name, value in prices.items()},
        "atr": short(atr),
        "trail_ma": short(last * (1 + rng.gauss(0, 0.01))),
        "slope_bps_day": math.nan if rng.random() < 0.1 else round(rng.gauss(4, 6), 2),
    }


def short(value: float) -> float:
    """Six significant digits, to keep the file small."""
    return float(f"{value:.6g}")


def random_fill(rng: random.Random, price: float, at_ms: int) -> Dict:
    lots = rng.choice([-1, 1]) * rng.randint(1, 40)
    atr = math.nan if rng.random() < 0.1 else price * rng.uniform(0.008, 0.02)
    return {"kind": "fill", "lots": lots, "price": price, "atr": short(atr), "at_ms": at_ms}


def random_events(rng: random.Random, bar_ms: int) -> list[Dict]:
    price = short(10 ** rng.uniform(-3, 4))
    events = []
    for number in range(1, 26):
        close_ms = START_MS + number * bar_ms
        bar = random_bar(rng, price, close_ms, bar_ms)
        start = price if math.isnan(bar["open"]) else bar["open"]
        if number == 1 or rng.random() < 0.2:
            late_ms = rng.choice([0, 0, bar_ms // 3])
            events.append(random_fill(rng, start, close_ms - bar_ms + late_ms))
        if rng.random() < 0.25:
            for _ in range(rng.randint(1, 4)):
                at_ms = close_ms - bar_ms // 4
                tick = short(start * (1 + rng.gauss(0, 0.02)))
                events.append({"kind": "tick", "price": tick, "at_ms": at_ms})
        else:
            events.append({"kind": "range", **bar})
        events.append({"kind": "close", **bar})
        price = price if math.isnan(bar["close"]) else bar["close"]
    return events


def exit_cases() -> list[Dict]:
    rng = random.Random(SEED)
    made = []
    for _ in range(EXIT_CASES):
        params = random_params(rng)
        events = random_events(rng, params["bar_ms"])
        records = run(events, params)
        made.append({"params": params, "events": events, "records": only_changes(records)})
    return made


def only_changes(records: list[Dict]) -> list[Dict]:
    """Of each position, only the fields that differ from the one before it; the first is flat."""
    before = FLAT
    told = []
    for record in records:
        after = record["position"]
        changed = {name: value for name, value in after.items() if written(value) != written(before[name])}
        told.append({**record, "position": changed})
        before = after
    return told


def record_cases() -> list[Dict]:
    rng = random.Random(SEED + 1)
    made = []
    for _ in range(RECORD_CASES):
        params = {
            "cooldown_bars": rng.choice([0, 6, 24]),
            "streak_losses": rng.choice([0, 3]),
            "streak_pause_ms": 5 * HOUR_MS,
            "streak_scope": rng.choice(["symbol", "book"]),
            "symbol_score_enabled": rng.random() < 0.8,
            "symbol_score_min_trades": rng.choice([4, 8]),
            "symbol_score_ban_ms": 12 * HOUR_MS,
        }
        events, told = [], []
        win_rate = rng.choice([0.1, 0.3, 0.5])
        for number in range(60):
            symbol, at_ms = rng.randrange(SYMBOLS), START_MS + number * HOUR_MS
            if rng.random() < 0.3:
                stop = {"kind": "stop", "symbol": symbol, "side": rng.randrange(2), "at_ms": at_ms}
                events.append(stop)
            else:
                size = rng.choice([0.0, 1.0, 1.0, 2.5])
                net = size if rng.random() < win_rate else -size
                events.append({"kind": "trip", "symbol": symbol, "net_usdt": net, "at_ms": at_ms})
            state = replay(events, SYMBOLS, params)
            told.append([barred(state, which, at_ms) for which in range(SYMBOLS)])
        made.append({"params": params, "events": events, "barred": told})
    return made


def cases() -> Dict:
    return {"exits": exit_cases(), "records": record_cases()}


def written(value: Any) -> Any:
    """The same with NaN as null, which is how JSON can say "not known"."""
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [written(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def text() -> str:
    lines = [
        f'"{name}":[\n' + ",\n".join(json.dumps(written(case), separators=(",", ":")) for case in made) + "\n]"
        for name, made in cases().items()
    ]
    return "{" + ",\n".join(lines) + "}\n"


if __name__ == "__main__":
    print(text(), end="")
