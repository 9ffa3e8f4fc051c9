"""A trader's death, rehearsed: the watchdog that watches, the adapter that trades, and an exchange of our own.

Time-lapse shortens the waits and nothing else: seconds below are those that the rules mean.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from xsmom.domain.effects import Note
from xsmom.domain.orders import ID_PREFIX
from xsmom.domain.trading import Ack, OrderRequest, TimeInForce, TriggerBy
from xsmom.engine.watchdog import WatchRules
from xsmom.errors import ConfigError, StateError
from xsmom.lake.sample import SampleMarket
from xsmom.live.control import read_commands
from xsmom.live.heartbeat import Heartbeat, write_heartbeat
from xsmom.live.watchdog.eyes import Eyes
from xsmom.live.watchdog.process import Watchdog, WatchSetting
from xsmom.simex.bybit.signing import Key
from xsmom.simex.faults import parse_faults
from xsmom.simex.server import LOOPBACK, Server
from xsmom.simex.views import LAGS_MS
from xsmom.simex.world import World
from xsmom.venues.roster import open_venue
from xsmom.venues.wire import Access, Keys

if TYPE_CHECKING:
    from xsmom.ports import Venue

POSITIONS = 5
SLACK_S = 1.0
"""How late, in real time, something may be on a machine that has other things to do."""
_NOTIONAL_USDT = 500.0
_MARKET = SampleMarket(symbols=POSITIONS + 1, bars=60, seed=7, churn=False)
_BEAT_S = 20.0
_PAUSES_S = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was to be seen."""

    scene: str
    what: str
    expected: str
    seen: str
    ok: bool


@dataclass(slots=True)
class Ear:
    """Hears what the watchdog tells, and when."""

    told: list[tuple[int, Note]] = field(default_factory=list)

    def tell(self, _at_ms: int, notes: Sequence[Note]) -> None:
        """By the wall's clock."""
        self.told += [(_wall_ms(), note) for note in notes]

    def first_ms(self, name: str) -> int | None:
        """When it was told first."""
        return next((at_ms for at_ms, note in self.told if note.name == name), None)


class Stage:
    """One exchange, five positions with stops, a trader's heartbeat, and the watchdog."""

    def __init__(self, scene: str, lapse: float, folder: Path) -> None:
        self.scene, self.lapse, self.state_dir = scene, lapse, folder / scene.replace(" ", "-")
        self.ear, self.rows = Ear(), list[Row]()
        self.died_ms = 0
        panel = _MARKET.build()
        self.world = World(panel, start_ms=int(panel.close_ms[30]), speed=1.0, lags_ms=dict.fromkeys(LAGS_MS, 0))
        self.world.open_account("main", Decimal(10_000), Key("trader", "secret", "main", 1001))
        self.world.keys["watchdog"] = Key("watchdog", "secret", "main", 1001)
        self.server = Server(self.world)
        self.trader: Any = None
        self.watchdog: Watchdog | None = None
        self._beating: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[str] | None = None
        self._seq = 0

    async def prepare(self) -> None:
        """Open the exchange, and the positions as the trader would."""
        addresses = await self.server.start()
        tls = ssl.create_default_context(cadata=addresses.certificate.decode())
        base_url, pauses_s = f"https://{LOOPBACK}:{addresses.port}", tuple(one / self.lapse for one in _PAUSES_S)

        async def line(name: str) -> Venue:
            keys = Keys(SecretStr(name), SecretStr("secret"))
            return await open_venue("bybit", Access(base_url=base_url, keys=keys, tls=tls, pauses_s=pauses_s))

        self.trader = await line("trader")
        await self.trader.instruments()
        for number, symbol in enumerate(self.world.symbols[:POSITIONS]):
            await self._enter(symbol, 1 if number % 2 == 0 else -1)
        await self._rest(self.world.symbols[POSITIONS])
        setting = WatchSetting(
            rules=WatchRules().hasten(self.lapse),
            state_dir=self.state_dir,
            stop_file=self.state_dir / "EMERGENCY_STOP",
            sinks=(self.ear,),
            poll_s=max(2.0 / self.lapse, 0.03),
        )
        self.watchdog = Watchdog(Eyes(partial(line, "watchdog"), lambda: "bybit:1001"), setting)

    async def _enter(self, symbol: str, side: int) -> None:
        price = self.world.prices.of[symbol].last
        instrument = self.world.instruments[symbol]
        step_usdt = float(price * instrument.price_tick * instrument.qty_step)
        lots = max(round(_NOTIONAL_USDT / step_usdt), instrument.lots_min)
        stop = int(price * (1 - 0.05 * side))
        request = OrderRequest(f"{ID_PREFIX}enter-{symbol}", symbol, side * lots, stop_loss_ticks=stop)
        await self._sure(self.trader.submit(request))

    async def _rest(self, symbol: str) -> None:
        """An entry that nobody filled yet when the trader dies."""
        price, instrument = self.world.prices.of[symbol].last, self.world.instruments[symbol]
        lots = max(instrument.lots_min, round(100.0 / float(price * instrument.price_tick * instrument.qty_step)))
        request = OrderRequest(
            f"{ID_PREFIX}rest-{symbol}", symbol, lots, int(price * 0.9), time_in_force=TimeInForce.GTC
        )
        await self._sure(self.trader.submit(request))

    async def _sure(self, asked: Awaitable[Any]) -> None:
        answer = await asked
        if not isinstance(answer, Ack):
            raise StateError(f"the drill could not be set up: {answer}")

    async def bare(self, symbol: str) -> None:
        """Take a stop away."""
        await self._sure(self.trader.set_position_stop(symbol, None, None, TriggerBy.MARK))

    def begin(self) -> None:
        """Let the trader's heart beat, and the watchdog watch."""
        assert self.watchdog is not None
        self.beat()
        self._watching = asyncio.create_task(self.watchdog.run())

    def beat(self, *, pid: int = 1, kill: bool = False) -> None:
        """A heart that beats from now on."""

        async def beats() -> None:
            while True:
                self._seq += 1
                held = len(self.held())
                write_heartbeat(
                    self.state_dir,
                    Heartbeat(_wall_ms(), pid, self._seq, "trading", "", 1e4, held, 1.0, 0, 0, kill=kill),
                )
                self.died_ms = _wall_ms()
                await asyncio.sleep(_BEAT_S / self.lapse)

        self._beating = asyncio.create_task(beats())

    def die(self) -> None:
        """No beat from now on, as after a kill."""
        assert self._beating is not None
        self._beating.cancel()

    async def until(self, second: float) -> None:
        """Wait for a time after the last beat."""
        wait_s = (self.died_ms - _wall_ms()) / 1_000 + second / self.lapse
        await asyncio.sleep(max(wait_s, 0.0))

    def held(self) -> dict[str, int]:
        """Lots by symbol, as the exchange knows."""
        truth = self.world.truth()["accounts"]["main"]
        return {self.world.symbols[row["symbol"]]: row["lots"] for row in truth["positions"] if row["lots"]}

    def stopped(self) -> int:
        """Positions with a stop, as the exchange knows."""
        truth = self.world.truth()["accounts"]["main"]
        return sum(1 for row in truth["positions"] if row["lots"] and row["stop_loss_ticks"])

    def entries(self) -> int:
        """Orders of the trader that would open."""
        truth = self.world.truth()["accounts"]["main"]
        return sum(1 for row in truth["open_orders"] if str(row["client_id"]).startswith(ID_PREFIX))

    def expect(self, what: str, expected: str, seen: str, ok: bool) -> None:
        """Note what was seen beside what was expected."""
        self.rows.append(Row(self.scene, what, expected, seen, ok))

    def expect_told(self, name: str, what: str, at_s: float, *, late_s: float = 0.0) -> None:
        """Something is told at a time after the last beat, or a little later."""
        until_s = at_s + late_s + SLACK_S * self.lapse
        seen_ms = self.ear.first_ms(name)
        seen_s = None if seen_ms is None else (seen_ms - self.died_ms) * self.lapse / 1_000
        # Beat and look are stamped in whole milliseconds.
        ok = seen_s is not None and at_s - 0.01 * self.lapse <= seen_s <= until_s
        self.expect(what, f"at {at_s:.0f} to {until_s:.0f} s", "never" if seen_s is None else f"at {seen_s:.0f} s", ok)

    def expect_silence(self, name: str, what: str) -> None:
        """Something is not told."""
        seen = self.ear.first_ms(name) is not None
        self.expect(what, "never", "it was" if seen else "never", not seen)

    def expect_count(self, what: str, expected: int, seen: int) -> None:
        """A number is as expected."""
        self.expect(what, str(expected), str(seen), expected == seen)

    def failure(self) -> BaseException | None:
        """Why the watchdog ended, if it did."""
        task = self._watching
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

    async def end(self) -> None:
        """Everything is given back."""
        if self._beating is not None:
            self._beating.cancel()
        if self._watching is not None and self.watchdog is not None:
            self.watchdog.stop()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self.trader is not None:
            await self.trader.close()
        await self.server.stop()


async def _die(stage: Stage) -> None:
    """A while of life, then none; what holds in every scene."""
    await asyncio.sleep(3 * _BEAT_S / stage.lapse)
    stage.die()
    await asyncio.sleep(0)


def _latched(stage: Stage) -> None:
    rules = WatchRules()
    stage.expect_told("watchdog.latched", "kill switch set", rules.silent_ms / 1_000)
    stage.expect_told("trader.silent", "alert", rules.silent_ms / 1_000)
    letters = [one.given for one in read_commands(stage.state_dir)]
    halted = [one for one in letters if one.command.value == "kill" and one.args.get("flatten") == "no"]
    stage.expect("a trader that starts", "is halted", "is halted" if halted else "would trade", bool(halted))


async def _covered(stage: Stage) -> None:
    await _die(stage)
    await stage.until(900)
    _latched(stage)
    stage.expect_told("watchdog.covered", "stops verified", 120, late_s=10)
    stage.expect_told("watchdog.entry_cancelled", "entry taken back", 120, late_s=10)
    stage.expect_count("entries left", 0, stage.entries())
    stage.expect_silence("watchdog.flatten", "flattened within 15 min")
    stage.expect_count("positions after 15 min", POSITIONS, len(stage.held()))
    stage.expect_count("of them with a stop", POSITIONS, stage.stopped())


async def _bare(stage: Stage) -> None:
    await _die(stage)
    await stage.until(600)
    stage.expect_count("positions after 10 min", POSITIONS, len(stage.held()))
    await stage.bare(stage.world.symbols[1])
    removed_s = (_wall_ms() - stage.died_ms) * stage.lapse / 1_000
    await stage.until(removed_s + 60 + 2 * SLACK_S * stage.lapse)
    _latched(stage)
    stage.expect_told("watchdog.uncovered", "missing stop seen", removed_s, late_s=12)
    stage.expect_told("watchdog.flatten", "flattening", removed_s + 10, late_s=24)
    stage.expect_told("watchdog.flat", "told that it is flat", removed_s + 10, late_s=40)
    stage.expect_count("positions left", 0, len(stage.held()))


async def _hour(stage: Stage) -> None:
    await _die(stage)
    after_s = WatchRules().flatten_after_ms / 1_000
    await stage.until(after_s - 60)
    stage.expect_count("positions after 59 min", POSITIONS, len(stage.held()))
    await stage.until(after_s + 60 + 2 * SLACK_S * stage.lapse)
    _latched(stage)
    stage.expect_told("watchdog.flatten", "flattening", after_s, late_s=12)
    stage.expect_count("positions left", 0, len(stage.held()))


async def _blind(stage: Stage) -> None:
    await _die(stage)
    for path in ("/v5/position/list", "/v5/order/realtime"):
        stage.world.faults.script.extend(parse_faults([{"do": "http", "match": path, "times": 0}]))
    await stage.until(WatchRules().flatten_after_ms / 1_000 + 300)
    _latched(stage)
    stage.expect_told("watchdog.blind", "told that it cannot see", 0, late_s=140)
    stage.expect_silence("watchdog.flatten", "flattened")
    stage.expect_silence("watchdog.flat", "taken for flat")
    stage.expect_silence("watchdog.covered", "taken for covered")
    stage.expect_count("positions after 65 min", POSITIONS, len(stage.held()))


async def _back(stage: Stage) -> None:
    await _die(stage)
    await stage.until(600)
    _latched(stage)
    began_ms = _wall_ms()
    stage.beat(pid=2, kill=True)
    await asyncio.sleep(300 / stage.lapse + SLACK_S)
    back_ms = stage.ear.first_ms("trader.back")
    back_s = None if back_ms is None else (back_ms - began_ms) * stage.lapse / 1_000
    ok = back_s is not None and 0 <= back_s <= SLACK_S * stage.lapse
    stage.expect("its return is seen", f"within {SLACK_S * stage.lapse:.0f} s", f"{back_s and round(back_s)} s", ok)
    stage.expect_silence("watchdog.flatten", "flattened")
    stage.expect_count("positions", POSITIONS, len(stage.held()))


async def _greedy(stage: Stage) -> None:
    stage.world.keys["watchdog"].can_withdraw = True
    assert stage.watchdog is not None
    try:
        await stage.watchdog.run()
        seen = "it was used"
    except ConfigError as error:
        seen = "refused" if "may withdraw" in str(error) else str(error)
    stage.expect("a key that may withdraw", "refused", seen, seen == "refused")


Scene = Callable[[Stage], Awaitable[None]]
SCENES: dict[str, Scene] = {
    "all covered": _covered,
    "a stop is gone": _bare,
    "nobody for an hour": _hour,
    "cannot be read": _blind,
    "trader returns": _back,
    "wrong key": _greedy,
}


def rehearse(lapse: float) -> list[Row]:
    """All scenes, side by side; the rows in their order."""
    return asyncio.run(_rehearse(lapse))


async def _rehearse(lapse: float) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="xsmom-drill-") as folder:
        stages = [Stage(name, lapse, Path(folder)) for name in SCENES]
        try:
            for stage in stages:
                await stage.prepare()
            await asyncio.gather(*(_play(stage, SCENES[stage.scene]) for stage in stages))
        finally:
            for stage in stages:
                await stage.end()
        return [row for stage in stages for row in stage.rows]


async def _play(stage: Stage, scene: Scene) -> None:
    if scene is not _greedy:
        stage.begin()
    await scene(stage)
    for failure in (stage.server.failure(), stage.failure()):
        if failure is not None:
            raise failure


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
