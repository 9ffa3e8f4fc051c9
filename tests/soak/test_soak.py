"""A trader that runs for a month has not grown: `just soak` plays it, `XSMOM_SOAK_DAYS=3` less of it.

By default some hours are played, which proves that the run, its weather and its end are sound; and that the measure
sees a leak is proved on a process that leaks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.soak.sampler import available, sample
from tests.soak.slopes import fit, fit_all, sparkline, table
from tests.soak.soak import STORMS, Plan, soak

DAYS = float(os.environ.get("XSMOM_SOAK_DAYS") or 0)
LAPSE = float(os.environ.get("XSMOM_SOAK_LAPSE") or 900)
RSS_MIB_MAX = 300.0
ALLOWED = {
    "trader_anonymous_mib": 6.0,
    "trader_rss_mib": 12.0,
    "trader_descriptors": 2.0,
    "trader_threads": 0.5,
    "trader_tasks": 2.0,
    "trader_waiting": 2.0,
    "trader_timers": 2.0,
    "trader_orders": 2.0,
    "exchange_anonymous_mib": 12.0,
    "exchange_descriptors": 2.0,
    "exchange_threads": 0.5,
}
"""How much more there may be at the end of what was fitted than at its start: what a collector leaves, and no more."""

needs_proc = pytest.mark.skipif(not available(), reason="needs /proc, where Linux counts what a process holds")


@needs_proc
def test_it_does_not_grow_and_agrees_in_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(hours=DAYS * 24, lapse=LAPSE) if DAYS else Plan(1.0, 300.0, 0.05, symbols=12, timeframe="1h")
    folder = tmp_path
    if DAYS:
        folder = Path("target", "soak", time.strftime("%Y%m%d-%H%M%S")).absolute()
        folder.mkdir(parents=True)

    def tell(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    found = soak(folder, plan, tell)
    slopes = fit_all(found.samples, ALLOWED)
    if DAYS:
        (folder / "samples.json").write_text(json.dumps(found.samples), "utf-8")
        tell(f"\n{table(slopes, found.samples)}")
        for name in ("entries", "journal_mib", "wal_mib", "log_mib", "trader_cpu_s", "exchange_cpu_s"):
            values = [one[name] for one in found.samples]
            tell(f"{name:22}{values[0]:10.1f} to {values[-1]:.1f}  {sparkline(values)}")
        tell(f"weather {dict(found.weather)}\nmodes   {dict(found.modes)}\nerrors  {dict(found.said)}")
        tell(f"decided {found.decided}, executions {found.filled}, samples and logs in {folder}")
    assert found.wrong == []
    assert set(found.weather) == set(STORMS)
    assert found.decided > 0
    assert found.filled > 0
    assert max(one["trader_rss_mib"] for one in found.samples) < RSS_MIB_MAX
    assert [one for one in slopes if one.grows] == []


# --- the measure itself -------------------------------------------------------------------------


def noisy(growth: float, seed: int, count: int = 240) -> list[float]:
    """A level with noise, bursts and a sawtooth, and what grows over all of it."""
    chance = np.random.default_rng(seed)
    at = np.arange(count)
    bursts = np.where(chance.random(count) < 0.05, 20.0, 0.0)
    return (100.0 + chance.normal(0, 1.0, count) + bursts + (at % 24) / 12 + growth * at / count).tolist()


@pytest.mark.parametrize("seed", range(8))
def test_noise_bursts_and_a_first_rise_are_no_growth(seed: int) -> None:
    values = noisy(0.0, seed)
    values[:30] = [value - 60.0 for value in values[:30]]
    assert not fit("level", list(range(240)), values, 2.0).grows


@pytest.mark.parametrize("seed", range(8))
def test_a_slow_leak_is_growth(seed: int) -> None:
    found = fit("leak", list(range(240)), noisy(12.0, seed), 2.0)
    assert found.grows
    assert found.growth == pytest.approx(9.0, abs=1.5)
    assert "GROWS" in table([found], [{"leak": value} for value in noisy(12.0, seed)])


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="run for longer"):
        fit("short", [0.0, 1.0], [1.0, 1.0], 1.0)


LEAKER = """
import asyncio, sys, threading
leak = sys.argv[1]
kept = []
async def main():
    print("ready", flush=True)
    while True:
        if leak == "memory":
            kept.append(bytearray(b"x") * 400_000)
        if leak == "descriptors":
            kept.append(open("/dev/null"))
        if leak == "threads":
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        await asyncio.sleep(0.02)
asyncio.run(main())
"""
"""A double of the process that forgets nothing."""

ROWS = {"memory": "anonymous_mib", "descriptors": "descriptors", "threads": "threads", "nothing": ""}


@needs_proc
@pytest.mark.parametrize("leak", ROWS)
def test_a_process_that_leaks_is_seen_to_grow(leak: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", LEAKER, leak], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        samples = []
        for number in range(24):
            samples.append({"hours": float(number), **sample(child.pid)})
            time.sleep(0.05)
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    allowed = {"anonymous_mib": 2.0, "descriptors": 2.0, "threads": 0.5}
    grown = [one.name for one in fit_all(samples, allowed) if one.grows]
    assert grown == ([ROWS[leak]] if leak != "nothing" else [])
