"""A made-up market that a test can hold an answer against: every bar follows from symbol and time."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

HOUR_MS = 3_600_000
START_MS = 1_672_531_200_000  # 2023-01-01


@dataclass
class Contract:
    """One perpetual, as its exchange would tell of it."""

    symbol: str
    listed_ms: int = START_MS
    delisted_ms: int = 0
    status: str = "Trading"
    funding_ms: int = 8 * HOUR_MS
    quote: str = "USDT"
    kind: str = "LinearPerpetual"
    #: Stretches in which no bar was ever made.
    outages: list[tuple[int, int]] = field(default_factory=list)
    overrides: dict = field(default_factory=dict)

    def trades(self, open_ms):
        if open_ms < self.listed_ms or (self.delisted_ms and open_ms >= self.delisted_ms):
            return False
        return not any(begin <= open_ms < end for begin, end in self.outages)


def noise(*what):
    """A number in [0, 1) that follows from its arguments alone."""
    return zlib.crc32(repr(what).encode()) / 2**32


def bar(contract, bar_ms, open_ms, kind="last"):
    """Texts as the exchange writes them: open time, prices, and volumes where there are any."""
    seed = zlib.crc32(f"{contract.symbol} {kind} {bar_ms} {open_ms}".encode())
    base = 10 + 90 * noise(contract.symbol)
    first = base * (1 + 0.1 * (seed & 0xFFFF) / 0x10000)
    last = base * (1 + 0.1 * (seed >> 16) / 0x10000)
    high, low = max(first, last) * 1.01, min(first, last) * 0.99
    prices = [f"{price:.4f}" for price in (first, high, low, last)]
    if kind == "mark":
        return [str(open_ms), *prices]
    volume = seed % 1_000_000 / 1_000
    return [str(open_ms), *prices, str(volume), f"{volume * last:.4f}"]


def bars(contract, bar_ms, since_ms, until_ms, now_ms, kind="last"):
    """All bars that open in [since, until), the forming one included, rising."""
    first = -(-since_ms // bar_ms) * bar_ms
    opens = range(first, min(until_ms, now_ms + 1), bar_ms)
    return [bar(contract, bar_ms, open_ms, kind) for open_ms in opens if contract.trades(open_ms)]


def funding(contract, since_ms, until_ms, now_ms):
    """Prints in [since, until), rising; stamps carry the jitter of a few milliseconds that real ones have."""
    first = -(-since_ms // contract.funding_ms) * contract.funding_ms
    prints = []
    for at_ms in range(first, min(until_ms, now_ms + 1), contract.funding_ms):
        if contract.trades(at_ms):
            rate = f"{(noise(contract.symbol, at_ms, 'funding') - 0.4) / 1_000:.8f}"
            prints.append((at_ms, rate))
    return prints
