"""Sweeps: what one configuration costs when many share the pass, what a second thread is worth, memory.

A configuration costs the same on a short panel as on a long one, so that few of them over few bars stand for
a thousand over many: the anchor runs over the same bars.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benches_reference import FEE, SLIP, Anchor, classic, cpu_medians, make_market, make_panel

from xsmom import _core

BARS, NAMES = 8_760, 100
CONFIGS = 32
SIGNALS = 2
CASH = 100_000.0
COSTS = SimpleNamespace(
    taker_fee_frac=FEE,
    maker_fee_frac=0.0,
    maker_share_frac=0.0,
    half_spread_frac=SLIP,
    impact_y=0.0,
    funding=True,
)


def draw_signal(rng: np.random.Generator) -> dict[str, object]:
    lookbacks = sorted(rng.choice(np.arange(6, 169), 4, replace=False).tolist())
    return {"lookback_bars": lookbacks, "lookback_weights": rng.dirichlet(np.ones(4)).tolist()}


def draw_rest(rng: np.random.Generator) -> dict[str, object]:
    names, cap = int(rng.integers(4, 16)), float(rng.uniform(0.1, 0.3))
    return {
        "k_min": names,
        "k_max": names,
        "signal_power": float(rng.uniform(1.0, 2.0)),
        "weight_long_max_frac": cap,
        "weight_short_max_frac": cap,
    }


def all_different(count: int) -> list[_core.Params]:
    rng = np.random.default_rng(1)
    windows = [{"vol_bars": int(rng.integers(24, 169))} for _ in range(count)]
    return [classic(**draw_signal(rng), **draw_rest(rng), **window) for window in windows]


def few_signals(count: int) -> list[_core.Params]:
    """A thousand configurations on ten signals are a hundred on each; here so many share one."""
    rng = np.random.default_rng(2)
    signals = [draw_signal(rng) for _ in range(SIGNALS)]
    return [classic(**signals[place % SIGNALS], **draw_rest(rng)) for place in range(count)]


def sweep(panel, configs, threads=1):
    setups = [(COSTS, "close", 0, CASH, 0.0, None)]
    return _core.sweep(panel, configs, setups, [0] * len(configs), threads=threads)


@pytest.fixture(scope="module")
def market():
    return make_market(BARS, NAMES)


def test_each_configuration_over_one_run_of_c(market, tmp_path, budgets) -> None:
    panel, anchor = make_panel(market), Anchor(tmp_path)
    different, shared = all_different(CONFIGS), few_signals(CONFIGS)
    spent = cpu_medians(
        {
            "different": lambda: sweep(panel, different),
            "shared": lambda: sweep(panel, shared),
            "anchor": lambda: anchor.run(market),
        },
        rounds=3,
    )
    per_bar = {name: 1e9 * spent[name] / CONFIGS / BARS for name in ("different", "shared")}
    print({name: f"{nanoseconds:.0f} ns a bar and configuration" for name, nanoseconds in per_bar.items()})
    budgets.hold("sweep.different_over_c_anchor", spent["different"] / CONFIGS / spent["anchor"])
    budgets.hold("sweep.few_signals_over_c_anchor", spent["shared"] / CONFIGS / spent["anchor"])


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two processors")
def test_two_threads_over_one(market, budgets) -> None:
    if os.getloadavg()[0] > 0.75 * (os.cpu_count() or 1):
        pytest.skip("others are using the processors: wall time would measure them")
    panel, configs = make_panel(market), all_different(2 * CONFIGS)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(2):
        for threads, spent in seconds.items():
            start = time.perf_counter()
            sweep(panel, configs, threads)
            spent.append(time.perf_counter() - start)
    # The least of each: a neighbour on the machine can only make a run slower.
    budgets.hold("sweep.two_threads_over_one", min(seconds[2]) / min(seconds[1]))


PEAK = """
import re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_sweep as bench
whole = bench.make_market(35_040, bench.NAMES)
panel, small = bench.make_panel(whole), bench.make_panel(bench.make_market(500, bench.NAMES))
configs = bench.all_different(bench.CONFIGS)
bench.sweep(small, configs[:4])  # what is loaded and made once is not the sweep's
status = lambda key: 1024 * int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before = status("VmRSS")
bench.sweep(panel, configs, 2)
print((status("VmHWM") - before - 4096 * len(configs)) / whole.close.nbytes)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to tell a peak")
def test_peak_memory_beyond_4_kib_a_configuration(budgets) -> None:
    command = [sys.executable, "-W", "ignore", "-c", PEAK, str(Path(__file__).parent)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    budgets.hold("sweep.peak_memory", float(found))
