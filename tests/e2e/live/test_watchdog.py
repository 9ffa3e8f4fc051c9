"""The watchdog as a process beside the trader as a process, both on the made-up exchange, with keys of their own.

The trader hangs, and finds itself halted when it goes on. Then it is killed with signal 9. Its positions stay, covered,
with the kill switch set; after the time that is configured they are closed; and the trader that is started again is
halted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.e2e.live.trader import FIRST_BAR, MARKET, SPEED
from tests.e2e.simex import rig as rigs
from xsmom.live.control import read_commands
from xsmom.live.heartbeat import read_heartbeat
from xsmom.live.watchdog.sign import read_sign
from xsmom.simex.bybit.signing import Key

PATIENCE_S = 90.0
SECRET = "only-for-this-test"
# In time-lapse: 120 s of silence are 6, and 6 minutes are 18 s.
CONFIG = """
strategy: {{timeframe: 1h}}
universe: {{exclude: []}}
execution: {{style: market}}
live: {{state_dir: {state}, heartbeat_seconds: 1}}
risk: {{watchdog_flatten_after_minutes: 6, kill_switch: {{file: {state}/STOP}}}}
exchange: {{base_url: "https://127.0.0.1:{port}", ca_file: {certificate}}}
"""


class Programs:
    """A trader and a watchdog of one configuration."""

    def __init__(self, rig, folder: Path) -> None:
        self.rig, self.folder, self.state = rig, folder, folder / "state"
        self.running: list[asyncio.subprocess.Process] = []
        certificate = folder / "simex.pem"
        certificate.write_bytes(rig.addresses.certificate)
        self.config = folder / "config.yaml"
        self.config.write_text(
            CONFIG.format(state=self.state, port=rig.addresses.port, certificate=certificate), "utf-8"
        )

    async def start(self, command: str, *options: str, **env: str) -> asyncio.subprocess.Process:
        arguments = ["-W", "ignore", "-m", "xsmom", *command.split(), "--config", str(self.config), *options]
        with (self.folder / f"{command.partition(' ')[0]}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, cwd=self.folder, env={**os.environ, **env}, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    async def trader(self) -> asyncio.subprocess.Process:
        keys = {"XSMOM__EXCHANGE__API_KEY": "traders-key", "XSMOM__EXCHANGE__API_SECRET": SECRET}
        return await self.start("live", "--lapse", f"{SPEED}x", **keys)

    async def watchdog(self, command: str = "watchdog", *options: str) -> asyncio.subprocess.Process:
        # The trader's key is not in its environment.
        keys = {"XSMOM__EXCHANGE__WATCHDOG_API_KEY": "watchdogs-key", "XSMOM__EXCHANGE__WATCHDOG_API_SECRET": SECRET}
        return await self.start(command, *options, **keys)

    async def until(self, reached) -> None:
        end = time.monotonic() + PATIENCE_S
        while not reached():
            assert time.monotonic() < end, self.logs()
            assert all(process.returncode in (None, 0, -signal.SIGKILL) for process in self.running), self.logs()
            assert self.rig.server.failure() is None
            await asyncio.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-2_500:] for path in self.folder.glob("*.log"))

    def beat(self):
        return read_heartbeat(self.state)

    def settled(self) -> bool:
        beat = self.beat()
        working = [row for row in self.rig.truth()["open_orders"] if row["client_id"].startswith("xm")]
        return beat is not None and beat.positions > 0 and beat.coverage_frac == 1.0 and not working

    def held(self) -> dict[str, int]:
        return {row["symbol"]: row["lots"] for row in self.rig.truth()["positions"] if row["lots"]}

    def sent(self) -> set[str]:
        truth = self.rig.truth()
        rows = (*truth["open_orders"], *truth["closed_orders"])
        return {row["client_id"] for row in rows if row["client_id"].startswith("xm")}

    async def end(self) -> None:
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def test_killed_with_positions_open_the_watchdog_halts_holds_and_then_closes(tmp_path, monkeypatch) -> None:
    market = MARKET.build()
    monkeypatch.setattr(rigs, "panel", lambda: market)

    async def walk() -> None:
        world = rigs.make_world(bar=FIRST_BAR, speed=SPEED)
        for name in ("traders-key", "watchdogs-key"):
            world.keys[name] = Key(name, SECRET, "main", 1001)
        async with rigs.Rig(world) as rig:
            programs = Programs(rig, tmp_path)
            try:
                await _die_and_come_back(programs)
            finally:
                await programs.end()

    asyncio.run(walk())


async def _die_and_come_back(programs: Programs) -> None:
    trader = await programs.trader()
    await programs.until(programs.settled)
    watchdog = await programs.watchdog("watchdog", "--lapse", f"{SPEED}x")
    await programs.until(lambda: (sign := read_sign(programs.state)) is not None and sign.state == "watching")
    look = await programs.watchdog("watchdog check", "--json")
    await look.wait()
    assert look.returncode == 0, programs.logs()
    assert read_commands(programs.state) == []

    await _hang_and_go_on(programs, trader)
    trader.send_signal(signal.SIGKILL)
    await trader.wait()
    held = programs.held()
    assert held
    await programs.until(
        lambda: (sign := read_sign(programs.state)) is not None and sign.state == "silent" and sign.latched
    )
    assert programs.held() == held
    assert all(row["stop_loss_ticks"] for row in programs.rig.truth()["positions"] if row["lots"])
    (letter,) = read_commands(programs.state)
    assert (letter.given.command.value, letter.given.by) == ("kill", "watchdog")

    await programs.until(lambda: not programs.held())
    closed = [row for row in programs.rig.truth()["closed_orders"] if row["client_id"].startswith("xw")]
    assert {row["symbol"] for row in closed} >= set(held)
    log = (programs.folder / "watchdog.log").read_text()
    steps = [
        log.index(name) for name in ("watchdog.latched", "watchdog.covered", "watchdog.flatten", "watchdog.closing")
    ]
    assert steps == sorted(steps)

    again = await programs.trader()
    await programs.until(lambda: (beat := programs.beat()) is not None and beat.pid == again.pid and beat.kill)
    await programs.until(lambda: programs.beat().positions == 0)  # reconciled with what was closed meanwhile
    assert programs.beat().mode == "halted"
    await programs.until(lambda: "trader.back" in (programs.folder / "watchdog.log").read_text())
    watchdog.send_signal(signal.SIGTERM)
    assert await watchdog.wait() == 0
    assert programs.held() == {}


async def _hang_and_go_on(programs: Programs, trader: asyncio.subprocess.Process) -> None:
    """A trader that hangs is no dead one: what it finds when it goes on is the switch, before it sends anything."""
    held, sent = programs.held(), programs.sent()
    trader.send_signal(signal.SIGSTOP)
    await programs.until(
        lambda: (sign := read_sign(programs.state)) is not None and sign.state == "silent" and sign.latched
    )
    trader.send_signal(signal.SIGCONT)
    await programs.until(lambda: programs.beat().kill and programs.beat().mode == "halted")
    await programs.until(lambda: (sign := read_sign(programs.state)) is not None and sign.state == "watching")
    assert programs.sent() == sent
    assert programs.held() == held


def test_the_drill_sees_what_it_expects(capsys, monkeypatch) -> None:
    """One stop removed, an hour of nobody, an exchange that cannot be read, a trader that returns, a wrong key."""
    from xsmom.cli import watchdog_drill
    from xsmom.cli.main import main

    # What comes after what is tested, not how busy the machine is.
    monkeypatch.setattr(watchdog_drill, "SLACK_S", 3.0)
    code = main(["watchdog", "drill", "--lapse", "150", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0, [row for row in told["rows"] if not row["ok"]]
    assert {row["scene"] for row in told["rows"]} == {
        "all covered", "a stop is gone", "nobody for an hour", "cannot be read", "trader returns", "wrong key",
    }  # fmt: skip


def test_a_drill_that_sees_something_else_says_so(monkeypatch, capsys) -> None:
    from xsmom.cli import watchdog_drill
    from xsmom.cli.main import main

    monkeypatch.setattr(watchdog_drill, "SCENES", {"wrong key": watchdog_drill.SCENES["wrong key"]})
    monkeypatch.setattr("xsmom.live.watchdog.process.Watchdog.run", _used)
    assert main(["watchdog", "drill"]) == 1
    assert "NOT SO" in capsys.readouterr().out


async def _used(_watchdog) -> str:
    return "used"
