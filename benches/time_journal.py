"""What a step costs to remember: `python benches/time_journal.py [--folder F] [--postgres]`.

Prints, for a book of 100 names: text of a book and of entries, `append` of each kind of event, the disk's own sync
beside it, opening, and a snapshot. It wants a quiet machine; nothing here is a test.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.databases.postgres import start_server  # noqa: E402  the checkout is no package
from tests.oracle import nouns  # noqa: E402
from xsmom.domain.book import Book  # noqa: E402
from xsmom.domain.window import Window  # noqa: E402
from xsmom.live.clock import SystemClock  # noqa: E402
from xsmom.store import codec  # noqa: E402
from xsmom.store.memory import MemoryJournal  # noqa: E402
from xsmom.store.opening import open_journal  # noqa: E402
from xsmom.store.rules import StoreRules  # noqa: E402
from xsmom.store.window_bytes import pack, unpack  # noqa: E402

NAMES, BARS = 100, 2_000


class Spent(NamedTuple):
    """One call: what the clock says, and what the processor did for it."""

    wall_s: float
    cpu_s: float


def tell(what: str, spent: list[Spent]) -> None:
    wall = sorted(one.wall_s for one in spent)
    p99 = wall[min(len(wall) - 1, len(wall) * 99 // 100)]
    cpu = statistics.median(one.cpu_s for one in spent)
    print(f"{what:42} median {statistics.median(wall) * 1e3:8.3f} ms  p99 {p99 * 1e3:8.3f} ms  CPU {cpu * 1e3:8.3f} ms")


def timed(times: int, act: Callable[[], object]) -> list[Spent]:
    found = []
    for _ in range(times):
        begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
        act()
        found.append(Spent(time.perf_counter() - begin_s, time.process_time() - begin_cpu_s))
    return found


def time_texts(book: Book) -> None:
    text = codec.encode(book)
    tell(f"book to text ({len(text) / 1024:.0f} KiB)", timed(30, lambda: codec.encode(book)))
    tell("text to book", timed(30, lambda: codec.decode(text)))
    for seq in range(1, 6):
        entry = nouns.day(seq, NAMES)
        text, name = codec.encode(entry), type(entry.event).__name__
        tell(f"{name} to text ({len(text)} B)", timed(300, partial(codec.encode, entry)))
        tell(f"text to {name}", timed(300, partial(codec.decode, text)))
    window = Window(
        book.roster.symbols, book.roster.listed_ms, book.roster.delisted_ms, bar_ms=3_600_000, bars_max=BARS
    )
    for at in range(BARS):
        row = nouns.bar(NAMES, nouns.BEGIN_MS + at * nouns.HOUR_MS, at).row
        assert row is not None
        window.append(row)
    packed = pack(window)
    tell(f"window to bytes ({len(packed) / 2**20:.1f} MiB)", timed(10, lambda: pack(window)))
    tell("bytes to window", timed(10, lambda: unpack(packed)))


def time_sync(folder: Path) -> None:
    """What the disk itself wants for a write of this size, which no journal can go below."""
    file = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT)

    def write() -> None:
        os.pwrite(file, b"x" * 4096, 0)
        os.fsync(file)

    tell("a write of 4 KiB and its sync", timed(100, write))
    os.close(file)


def time_journal(name: str, rules: StoreRules, folder: Path, book: Book) -> None:
    opened = timed(1, lambda: open_journal(rules, folder, "bench", SystemClock()).close())
    tell(f"{name}: opened the first time", opened)
    journal = open_journal(rules, folder, "bench", SystemClock())
    found: dict[str, list[Spent]] = {}
    for seq in range(1, 501):
        entry, book = nouns.day(seq, NAMES), replace(book, seq=seq)
        kind = type(entry.event).__name__
        if kind == "BarClosed":  # a bar moves marks, levels and the cycle
            names = replace(book.names, mark=book.names.mark * 1.01)
            book = replace(book, names=names, positions=dict(book.positions), cycle=replace(book.cycle))
        elif kind == "TimerFired":
            orders = {**book.orders, f"xmorder{seq % 100:08d}": nouns.order(seq % NAMES, seq)}
            book = replace(book, orders=orders)
        found.setdefault(kind, []).extend(timed(1, partial(journal.append, entry, book)))
    for kind, seconds in found.items():
        tell(f"{name}: append {kind}", seconds[1:])
    tell(f"{name}: snapshot with 10 MB of window", timed(3, lambda: journal.save_snapshot(book, b"x" * 10_000_000)))
    tell(f"{name}: newest book read", timed(5, journal.newest_book))
    journal.close()
    tell(f"{name}: opened again", timed(3, lambda: open_journal(rules, folder, "bench", SystemClock()).close()))


def time_memory(book: Book) -> None:
    journal = MemoryJournal()
    steps = iter([(nouns.day(seq, NAMES), replace(book, seq=seq)) for seq in range(1, 5_001)])
    tell("memory: append", timed(5_000, lambda: journal.append(*next(steps))))


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--folder", type=Path, help="a folder of the disk to be measured")
    asked.add_argument("--postgres", action="store_true", help="measure a server of its own too")
    options = asked.parse_args()
    book = nouns.book(NAMES, orders=200)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        time_texts(book)
        time_memory(book)
        time_sync(folder)
        time_journal("SQLite", StoreRules(), folder / "state", book)
        if options.postgres:
            server = start_server()
            time_journal("PostgreSQL", StoreRules(SecretStr(server.new_url())), folder, book)
            server.stop()
            server.remove()


if __name__ == "__main__":
    main()
