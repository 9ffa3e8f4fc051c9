"""What the live engine takes: a bar of 100 symbols, a stop, a replayed bar, a restart, and memory.

Every gate is a ratio to plain NumPy's classic decision over a window of the same size, measured in the same run, so
that a busy machine moves both. The absolute figures are printed beside the must; they want a quiet machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
from benches_reference import make_market, numpy_weights

import xsmom as xs
from xsmom import kernel
from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Effect, Note, SendOrder
from xsmom.domain.events import BarClosed, Event, QuotesSeen, Started
from xsmom.domain.journal import Entry
from xsmom.domain.market_data import Quote
from xsmom.domain.window import Window
from xsmom.engine.rules import Rules
from xsmom.engine.step import step
from xsmom.lake.sample import SampleMarket
from xsmom.live.clock import SystemClock
from xsmom.live.recovery import recover
from xsmom.live.replay import Replay, _row
from xsmom.store.memory import MemoryJournal
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules
from xsmom.store.window_bytes import pack

# Names that are not listed yet have no volume to take a median of.
pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning")

HOUR_MS = 3_600_000
NAMES, BARS, LEAD = 100, 520, 100
RESIDENT_MIB_MAX = 300.0
OVERLAYS = {
    "strategy.timeframe": "1h",
    "universe.exclude": [],
    "risk.trailing_enabled": True,
}


class Led(NamedTuple):
    """A replay that was led through its window and on, and what each of its last bars took."""

    replay: Replay
    #: Of the processor: the engine's steps of one bar's three moments, everything of a bar, a step of any kind.
    bar_s: list[float]
    replayed_s: list[float]
    step_s: float
    #: Plain NumPy over a window of that size.
    numpy_s: float


class Meter:
    """The engine's step, with what each took of the processor: a clock on the wall counts what else runs."""

    def __init__(self) -> None:
        self.all_s: list[float] = []
        self.bar_s: dict[int, float] = {}

    def step(
        self, book: Book | None, window: Window, event: Event, now_ms: int, rules: Rules
    ) -> tuple[Book, tuple[Effect, ...], tuple[Note, ...]]:
        """One step, measured."""
        begun = time.process_time()
        outcome = step(book, window, event, now_ms, rules)
        spent = time.process_time() - begun
        self.all_s.append(spent)
        if isinstance(event, BarClosed):
            self.bar_s[event.close_ms] = self.bar_s.get(event.close_ms, 0.0) + spent
        return outcome


@cache
def led(profile: str, names: int) -> Led:
    """A full window, a few days to open positions in, and then the bars that are measured."""
    config = xs.load_config(profile, OVERLAYS, env={})
    warm = kernel.warmup_bars(Rules.of(config).params)
    market = SampleMarket(names, warm + BARS, HOUR_MS, 5, momentum=1.0).build()
    meter, first = Meter(), warm - LEAD
    panel = market.slice(first, market.bars)
    replay = Replay.of(panel, config, MemoryJournal(keep=1_000))
    for t in range(first):
        replay.window.append(_row(market, t))
    # A market without holes: the plain form knows none.
    close = make_market(warm, names).close
    replayed: list[float] = []
    reference: list[float] = []
    with mock.patch("xsmom.live.replay.step", meter.step):
        replay._start()
        for t in range(panel.bars):
            begun = time.process_time()
            replay._bar = t
            replay._live_through(t)
            replay._keep(t)
            replayed.append(time.process_time() - begun)
            if t % 20 == 0:
                begun = time.process_time()
                numpy_weights(close)
                reference.append(time.process_time() - begun)
    closes = [int(close_ms) for close_ms in panel.close_ms[LEAD:]]
    bars = [meter.bar_s[one] for one in closes]
    return Led(replay, bars, replayed[LEAD:], statistics.mean(meter.all_s), statistics.median(reference))


def quantile(seconds: list[float], share: float) -> float:
    return float(np.quantile(seconds, share))


@pytest.mark.parametrize(
    ("profile", "line"),
    [("classic", "live.bar_classic_over_numpy"), ("weekly", "live.bar_weekly_over_numpy")],
)
def test_a_bar_of_100_symbols(profile: str, line: str, budgets) -> None:
    found = led(profile, NAMES)
    half, most = quantile(found.bar_s, 0.5), quantile(found.bar_s, 0.99)
    print(f"{profile}: step of a bar {half * 1e3:.2f} ms in the middle, p99 {most * 1e3:.2f} ms (must: 5), {BARS} bars")
    budgets.hold(line, half / found.numpy_s)


@pytest.mark.parametrize(
    ("profile", "line"),
    [("classic", "live.replayed_bar_classic_over_numpy"), ("weekly", "live.replayed_bar_weekly_over_numpy")],
)
def test_a_replayed_bar_of_50_symbols(profile: str, line: str, budgets) -> None:
    found = led(profile, NAMES // 2)
    mean = statistics.mean(found.replayed_s)
    print(
        f"{profile}: a bar {mean * 1e3:.2f} ms, a year of hours {mean * 8_760:.0f} s (must: 60);"
        f" step mean {found.step_s * 1e3:.3f} ms (must: 3)"
    )
    budgets.hold(line, mean / found.numpy_s)


def test_a_touched_stop_leaves_at_once(budgets) -> None:
    """From the quote to the order that closes, for a stop that the exchange does not hold."""
    found = led("classic", NAMES)
    replay, book = found.replay, found.replay.book
    assert book is not None
    stops = book.positions["stop_price"]
    held = [int(at) for at in np.flatnonzero(book.lots) if np.isfinite(stops[at]) and stops[at] > 0.0]
    assert held, "nothing is held behind a stop: nothing is measured"
    spent: list[float] = []
    now_ms = book.as_of_ms + 1_000
    for turn in range(600):
        at = held[turn % len(held)]
        price = Decimal(repr(float(stops[at]) * (0.999 if book.lots[at] > 0 else 1.001)))
        quote = Quote(book.roster.symbols[at], now_ms, price, price, price, price, price, price, None, None)
        event = QuotesSeen((quote,))
        begun = time.process_time()
        _, effects, _ = step(book, replay.window, event, now_ms, replay.rules)
        spent.append(time.process_time() - begun)
        assert any(isinstance(one, SendOrder) and one.request.reduce_only for one in effects)
    half, most = quantile(spent, 0.5), quantile(spent, 0.99)
    print(f"stop: event to effect {half * 1e3:.3f} ms in the middle, p99 {most * 1e3:.3f} ms (must: 1)")
    budgets.hold("live.stop_over_numpy", half / found.numpy_s)


def test_a_restart_with_a_saved_window(tmp_path, budgets) -> None:
    """What is ours of a restart: the journal opened, book and window read, and the first step into trading."""
    found = led("weekly", NAMES)
    replay, book = found.replay, found.replay.book
    assert book is not None
    started = Started(
        run_id=book.run_id,
        at_ms=book.as_of_ms,
        config_hash=book.config_hash,
        params_hash="",
        version="",
        instruments=book.roster.instruments,
        initial_usdt=10_000.0,
    )
    journal = open_journal(StoreRules(), tmp_path, "bench", SystemClock())
    kept = replace(book, seq=1)
    journal.append(Entry(1, book.as_of_ms, started, (), ()), kept)
    journal.save_snapshot(kept, pack(replay.window))
    journal.close()
    spent: list[float] = []
    for _ in range(5):
        begun = time.process_time()
        journal = open_journal(StoreRules(), tmp_path, "bench", SystemClock())
        again = recover(journal, replay.rules, book.roster)
        made, _, _ = step(again.book, again.window, started, book.as_of_ms + 1, replay.rules)
        spent.append(time.process_time() - begun)
        journal.close()
        assert made.mode is Mode.TRADING
        assert again.window.hash == replay.window.hash
    half = statistics.median(spent)
    print(f"restart with {again.window.bars} bars of {NAMES} names: {half:.3f} s (must: 5, without the line)")
    budgets.hold("live.restart_over_numpy", half / found.numpy_s)


_DAY = """
import resource, sys
import ccxt.async_support
import xsmom as xs
from xsmom import kernel
from xsmom.engine.rules import Rules
from xsmom.lake.sample import SampleMarket
from xsmom.live import wiring
from xsmom.live.replay import Replay
from xsmom.store.memory import MemoryJournal
config = xs.load_config("weekly", {"strategy.timeframe": "1h", "universe.exclude": []}, env={})
bars = kernel.warmup_bars(Rules.of(config).params) + 24
Replay.of(SampleMarket(100, bars, 3_600_000, 5, momentum=1.0).build(), config, MemoryJournal(keep=1_000)).run()
status = open("/proc/self/status", encoding="ascii").read()
print(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_process_stays_small(budgets) -> None:
    """A process with the client library in it, a full window of 100 names and a day on top.

    It holds the whole history and a venue as well, which a live process does not.
    """
    said = subprocess.run([sys.executable, "-c", _DAY], check=True, capture_output=True, text=True)
    mib = int(said.stdout) / 1024
    print(f"resident: {mib:.0f} MiB (must: {RESIDENT_MIB_MAX:.0f})")
    budgets.hold("live.resident_over_300_mib", mib / RESIDENT_MIB_MAX)
