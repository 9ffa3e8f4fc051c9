"""Second by second, at real pace: a trader with five positions is killed, watched, and started again.

The real command, the real watchdog, the exchange program's own server. What is recorded is the table of
docs/how-to/watchdog.md; `pytest -m proof tests/e2e/live/test_killed_with_five.py -s` takes four minutes and prints it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.live import test_watchdog
from tests.e2e.live.test_watchdog import SECRET
from tests.e2e.live.trader import FIRST_BAR, MARKET
from tests.e2e.simex import rig as rigs
from xsmom.live.watchdog.sign import read_sign
from xsmom.simex.bybit.signing import Key

CONFIG = """
strategy: {{timeframe: 1h, k_min: 3, entry_throttle: {{max_open_positions: 5}}}}
universe: {{exclude: []}}
execution: {{style: market}}
live: {{state_dir: {state}, heartbeat_seconds: 1}}
risk: {{kill_switch: {{file: {state}/STOP}}}}
exchange: {{base_url: "https://127.0.0.1:{port}", ca_file: {certificate}}}
"""
PACE = 1.001
"""As fast as the wall but for a thousandth: the market is of another year, and only time-lapse has its own clock."""

HIT_S, BACK_S, SILENT_S, AGAIN_S = 45.0, 140.0, 120.0, 5.0
_STAMP = re.compile(r"^(\S+Z) \[\w+\s*\] (\S+)\s+(.*)$")


class Record:
    """What happened, in seconds since the last heartbeat."""

    def __init__(self) -> None:
        self.zero_s = 0.0
        self.rows: list[tuple[float, str]] = []

    def note(self, text: str, at_s: float | None = None) -> float:
        at_s = (time.time() if at_s is None else at_s) - self.zero_s
        self.rows.append((at_s, text))
        print(f"{at_s:8.2f}  {text}", flush=True)
        return at_s

    def read(self, log: Path, names: set[str]) -> dict[str, float]:
        """Lines of a log since the last heartbeat: first of each name."""
        found: dict[str, float] = {}
        for line in log.read_text("utf-8").splitlines():
            match = _STAMP.match(line)
            if match is None or match.group(2) not in names:
                continue
            at_s = datetime.fromisoformat(match.group(1)).astimezone(UTC).timestamp()
            if at_s >= self.zero_s and match.group(2) not in found:
                found[match.group(2)] = at_s - self.zero_s
                self.rows.append((at_s - self.zero_s, f"{log.stem}: {match.group(2)} {match.group(3)[:150]}"))
        return found


@pytest.mark.proof
def test_killed_with_five_positions_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = MARKET.build()
    monkeypatch.setattr(rigs, "panel", lambda: market)

    async def walk() -> None:
        world = rigs.make_world(bar=FIRST_BAR, speed=PACE)
        for name in ("traders-key", "watchdogs-key"):
            world.keys[name] = Key(name, SECRET, "main", 1001)
        async with rigs.Rig(world) as rig:
            programs = test_watchdog.Programs(rig, tmp_path)
            programs.config.write_text(
                CONFIG.format(state=programs.state, port=rig.addresses.port, certificate=programs.folder / "simex.pem"),
                "utf-8",
            )
            try:
                await _record(programs, Record())
            finally:
                await programs.end()

    asyncio.run(walk())


async def _trader(programs: test_watchdog.Programs) -> asyncio.subprocess.Process:
    keys = {"XSMOM__EXCHANGE__API_KEY": "traders-key", "XSMOM__EXCHANGE__API_SECRET": SECRET}
    return await programs.start("live", "--lapse", f"{PACE}", **keys)


def _stops(programs: test_watchdog.Programs) -> tuple[int, int]:
    """Positions at the exchange, and how many of them have a stop there."""
    rows = [row for row in programs.rig.truth()["positions"] if row["lots"]]
    return len(rows), sum(bool(row["stop_loss_ticks"]) for row in rows)


async def _record(programs: test_watchdog.Programs, record: Record) -> None:
    trader = await _trader(programs)
    await programs.until(programs.settled)
    await programs.watchdog("watchdog", "--lapse", f"{PACE}")
    await programs.until(lambda: (sign := read_sign(programs.state)) is not None and sign.state == "watching")
    assert _stops(programs) == (5, 5)
    await _kill(programs, record, trader)
    stop_s = await _hit_a_stop(programs, record)
    await programs.until(lambda: (sign := read_sign(programs.state)) is not None and sign.latched)
    record.note("switch seen set")
    assert _stops(programs) == (4, 4)
    await _sleep_until(record, BACK_S)
    again = await _trader(programs)
    started_s = record.note("the trader is started again")
    await programs.until(lambda: (beat := programs.beat()) is not None and beat.pid == again.pid)
    record.note("its first heartbeat")
    await programs.until(lambda: programs.beat().positions == 4 and programs.beat().coverage_frac == 1.0)
    covered_s = record.note(f"{programs.beat().positions} positions, all stops verified, mode {programs.beat().mode}")
    assert programs.beat().mode == "halted"
    assert programs.beat().kill
    lifted_s = await _lift(programs, record)
    trading_s = await _until_trading(programs, record)
    watched = record.read(
        programs.folder / "watchdog.log", {"trader.silent", "watchdog.latched", "watchdog.covered", "trader.back"}
    )
    told = record.read(
        programs.folder / "live.log",
        {"process.started", "book.reconciled", "position.closed", "bars.caught_up", "kill.deactivated"},
    )
    print("\n".join(f"{at_s:8.2f}  {text}" for at_s, text in sorted(record.rows)))
    assert HIT_S <= stop_s < HIT_S + AGAIN_S
    assert SILENT_S <= watched["watchdog.latched"] < SILENT_S + 2 * AGAIN_S
    assert watched["watchdog.latched"] <= watched["trader.silent"] < watched["watchdog.latched"] + AGAIN_S
    assert started_s < told["book.reconciled"] <= covered_s + AGAIN_S
    assert lifted_s < trading_s < lifted_s + 6 * AGAIN_S
    assert len(programs.sent()) == len(set(programs.sent()))
    assert _stops(programs)[0] == _stops(programs)[1]


async def _kill(programs: test_watchdog.Programs, record: Record, trader: asyncio.subprocess.Process) -> None:
    trader.send_signal(signal.SIGKILL)
    killed_s = time.time()
    await trader.wait()
    record.zero_s = programs.beat().at_ms / 1_000
    record.note("the last heartbeat", record.zero_s)
    record.note("signal 9", killed_s)
    record.note(f"at the exchange: {_stops(programs)[0]} positions, {_stops(programs)[1]} stops")


async def _hit_a_stop(programs: test_watchdog.Programs, record: Record) -> float:
    """While nobody leads the account a price runs through a stop: the exchange carries it out by itself."""
    await _sleep_until(record, HIT_S)
    world = programs.rig.world
    row = next(row for row in programs.rig.truth()["positions"] if row["lots"])
    symbol = world.symbols[row["symbol"]]
    world.shock(symbol, 0.85 if row["lots"] > 0 else 1.15)
    await programs.until(lambda: row["symbol"] not in programs.held())
    return record.note(f"the price of {symbol} ran through its stop, and the exchange has closed it")


async def _sleep_until(record: Record, at_s: float) -> None:
    await asyncio.sleep(max(0.0, record.zero_s + at_s - time.time()))


async def _lift(programs: test_watchdog.Programs, record: Record) -> float:
    await programs.until(lambda: "trader.back" in (programs.folder / "watchdog.log").read_text())
    arguments = ["kill", "deactivate", "--reason", "looked at it", "--config", str(programs.config)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-m", "xsmom", *arguments, cwd=programs.folder, env=dict(os.environ)
    )
    assert await process.wait() == 0
    return record.note("the operator has lifted the kill switch")


async def _until_trading(programs: test_watchdog.Programs, record: Record) -> float:
    await programs.until(lambda: programs.beat().mode == "trading")
    return record.note("trading")
