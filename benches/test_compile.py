"""What it costs to compile a panel of a lake and to open it, in units of what reading the same bytes costs.

CPU time for the compile, so that other people's work on the machine moves both sides alike; 100 names of
35,040 hours, with funding.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from tests.unit.lake.market_lakes import put_bars, put_funding
from tests.unit.lake.market_rows import healthy
from xsmom.lake.compile import compile_panel
from xsmom.lake.panel import Panel
from xsmom.lake.store import Lake
from xsmom.lake.survey import Survey

NAMES, BARS, ROUNDS = 100, 35_040, 5


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake.open(tmp_path_factory.mktemp("bench") / "lake", create=True)
    hours = np.arange(0, BARS, 8)
    with made.batch():
        for number in range(NAMES):
            put_bars(made, f"N{number:03d}USDT", healthy(BARS, number))
            put_funding(made, f"N{number:03d}USDT", hours, np.full(len(hours), 1e-4))
    return made


def read_with_polars(lake: Lake) -> None:
    """Read the same parts, series by series, and nothing else."""
    for key in lake.keys(None):
        pl.read_parquet([str(path) for path in lake.part_paths(key).values()])


def seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    begun_s = clock()
    work()
    return clock() - begun_s


def test_compile(budgets, lake: Lake) -> None:
    out = lake.root.parent / "out.panel"
    ratios, walls = [], []
    for _ in range(ROUNDS):
        theirs = seconds(lambda: read_with_polars(lake), time.process_time)
        begun_s = time.perf_counter()
        ours = seconds(lambda: compile_panel(Survey(lake, "acme", "1h"), out), time.process_time)
        walls.append(time.perf_counter() - begun_s)
        ratios.append(ours / theirs)
    print(f"\ncompile {NAMES} x {BARS:,}: {min(walls):.2f} s by the clock at best, {ours:.2f} s of CPU")
    budgets.hold("compile.over_polars_read", statistics.median(ratios))


def test_open_over_reading_the_bytes(budgets, lake: Lake) -> None:
    out = lake.root.parent / "out.panel"
    compile_panel(Survey(lake, "acme", "1h"), out)

    def touch() -> None:
        panel = Panel.open(out)
        assert panel.close[:, 0].size == BARS
        for name in ("open", "high", "low", "close", "volume_usdt", "funding_frac"):
            getattr(panel, name).sum()

    reading = min(seconds(out.read_bytes, time.perf_counter) for _ in range(ROUNDS))
    opening = min(seconds(lambda: Panel.open(out), time.perf_counter) for _ in range(ROUNDS))
    looking = min(seconds(touch, time.perf_counter) for _ in range(ROUNDS))
    print(
        f"\nopen {opening * 1e3:.1f} ms, open and sum every cell {looking * 1e3:.0f} ms, bytes {reading * 1e3:.0f} ms"
    )
    assert opening < 0.3
    budgets.hold("panel.open_over_bytes", opening / reading)
