"""The rounds: what they read, in which order they act, what survives a restart, and who is told that nobody watches."""

from __future__ import annotations

import asyncio
import json
import socket
import threading

import pytest

from tests.unit.engine.watchdog.scenes import contract, order, position
from xsmom.domain.effects import Severity
from xsmom.domain.trading import Ack, KeyFacts, Snapshot, Unknown
from xsmom.engine.watchdog import WatchRules
from xsmom.errors import AuthFailed, ConfigError, Unavailable
from xsmom.live.control import read_commands
from xsmom.live.heartbeat import Heartbeat, write_heartbeat
from xsmom.live.watchdog.eyes import Eyes, check_key
from xsmom.live.watchdog.missed import MissedWatchdog
from xsmom.live.watchdog.process import Watchdog, WatchSetting
from xsmom.live.watchdog.sign import FILE, pack_watch, read_sign, unpack_watch

FACTS = KeyFacts(
    can_trade=True, can_withdraw=False, read_only=False, ip_bound=True, expires_ms=None, account="7"
)  # fmt: skip
T0 = 1_700_000_000_000


class HandClock:
    speed = 1.0

    def __init__(self) -> None:
        self.ms = T0

    def now_ms(self) -> int:
        return self.ms


class Line:
    """An exchange that says what it is told to say."""

    venue = "bybit"

    def __init__(self) -> None:
        self.rows: list | None = [position()]
        self.orders: list | None = [order()]
        self.facts, self.away = FACTS, None
        self.sent: list = []
        self.closed = 0

    async def open(self):
        if self.away is not None:
            raise self.away
        return self

    async def key(self):
        return self.facts

    async def instruments(self):
        return {"BTCUSDT": contract("BTCUSDT")}

    async def positions(self):
        return self._told(self.rows)

    async def open_orders(self):
        return self._told(self.orders)

    async def submit(self, request):
        self.sent.append(request)
        return Ack("id", request.client_order_id, T0)

    async def cancel(self, symbol, client_order_id):
        self.sent.append((symbol, client_order_id))
        return Unknown("no answer")

    async def close(self):
        self.closed += 1

    @staticmethod
    def _told(rows):
        if rows is None:
            raise Unavailable("away")
        return Snapshot(tuple(rows), T0)


class Ear:
    def __init__(self) -> None:
        self.names: list[str] = []

    def tell(self, _at_ms, notes) -> None:
        self.names += [note.name for note in notes]


class Scene:
    def __init__(self, folder) -> None:
        self.folder, self.clock, self.line, self.ear = folder, HandClock(), Line(), Ear()
        self.beat()
        self.watchdog = self.start()

    def start(self, expected: str = "") -> Watchdog:
        setting = WatchSetting(WatchRules(), self.folder, self.folder / "STOP", (self.ear,), clock=self.clock)
        return Watchdog(Eyes(self.line.open, lambda: expected), setting)

    def beat(self, seq: int = 1) -> None:
        write_heartbeat(self.folder, Heartbeat(self.clock.ms, 3, seq, "trading", "", 1.0, 1, 1.0, 0, 0, kill=False))

    async def rounds(self, seconds: int, step: int = 10) -> None:
        for _ in range(seconds // step):
            self.clock.ms += step * 1_000
            await self.watchdog.round()


@pytest.fixture
def scene(tmp_path) -> Scene:
    return Scene(tmp_path / "state")


def test_it_latches_verifies_and_closes_after_the_hour(scene) -> None:
    async def walk() -> None:
        await scene.rounds(110)
        assert scene.ear.names == []
        await scene.rounds(20)
        assert scene.ear.names == ["watchdog.latched", "trader.silent", "watchdog.covered"]
        assert len(read_commands(scene.folder)) == 1
        await scene.rounds(3_400, 50)
        assert scene.line.sent == []
        await scene.rounds(80)
        assert scene.line.sent[0].lots == -100
        sign = read_sign(scene.folder)
        assert sign is not None
        assert (sign.state, sign.latched, sign.positions, sign.coverage_frac) == ("flattening", True, 1, 1.0)

    asyncio.run(walk())


def test_it_goes_on_from_where_its_forerunner_fell(scene) -> None:
    async def walk() -> None:
        await scene.rounds(3_000, 50)
        scene.watchdog = scene.start()
        await scene.rounds(590)
        assert scene.line.sent == []
        await scene.rounds(30)
        assert scene.line.sent

    asyncio.run(walk())
    kept = scene.watchdog.watch
    assert unpack_watch(pack_watch(kept)) == kept
    assert unpack_watch({"beat": None, "foo": 1}) is None


def test_a_trader_that_comes_back_during_the_look_is_not_traded_against(scene) -> None:
    async def walk() -> None:
        await scene.rounds(3_590, 10)
        told = scene.line.positions

        async def slow():
            scene.beat(seq=2)
            return await told()

        scene.line.positions = slow
        await scene.rounds(20)
        assert scene.line.sent == []
        assert scene.ear.names[-1] == "trader.back"

    asyncio.run(walk())


def test_an_exchange_that_is_away_is_unknown_and_is_tried_again(scene) -> None:
    async def walk() -> None:
        scene.line.away = Unavailable("no line")
        await scene.rounds(4_000, 50)
        assert "watchdog.blind" in scene.ear.names
        assert not {"watchdog.flat", "watchdog.covered"} & set(scene.ear.names)
        sign = read_sign(scene.folder)
        assert sign is not None
        assert "no line" in sign.blind
        assert (sign.positions, sign.coverage_frac) == (None, None)
        scene.line.away = None
        await scene.rounds(120)
        assert scene.line.sent

    asyncio.run(walk())


def test_a_look_that_fails_in_part_closes_nothing_before_the_hour(scene) -> None:
    async def walk() -> None:
        scene.line.orders = None
        await scene.rounds(3_000, 50)
        assert scene.line.sent == []

    asyncio.run(walk())


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"can_withdraw": True}, "may withdraw"),
        ({"can_trade": False}, "may not trade"),
        ({"read_only": True}, "may not trade"),
        ({"account": "8"}, "is of the account bybit:8"),
    ],
)
def test_a_wrong_key_is_refused_and_the_line_given_back(scene, wrong, text) -> None:
    from dataclasses import replace

    scene.line.facts = replace(FACTS, **wrong)
    with pytest.raises(ConfigError, match=text):
        asyncio.run(scene.start("bybit:7").run())
    assert scene.line.closed == 1
    check_key(FACTS, "bybit:7", "bybit:7")
    check_key(FACTS, "bybit:7", "")


def test_a_key_that_the_exchange_refuses_ends_a_start(scene) -> None:
    scene.line.away = AuthFailed("bad key")
    with pytest.raises(AuthFailed):
        asyncio.run(scene.start().run())


def test_the_service_manager_hears_of_it(scene, tmp_path, monkeypatch) -> None:
    heard: list[bytes] = []
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)

        async def walk() -> None:
            watchdog = scene.watchdog
            task = asyncio.create_task(watchdog.run())
            while read_sign(scene.folder) is None:  # noqa: ASYNC110  the sign is a file
                await asyncio.sleep(0.01)
            watchdog.stop()
            assert await task == "asked to"

        asyncio.run(walk())
        heard += [line.recv(100) for _ in range(3)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    assert scene.line.closed == 1


def test_a_sign_that_cannot_be_written_does_not_end_the_watch(scene) -> None:
    async def walk() -> None:
        (scene.folder / FILE).mkdir()
        await scene.rounds(20)
        assert scene.ear.names == ["watchdog.unwritten"] * 2

    asyncio.run(walk())


def test_the_trader_tells_that_nobody_watches(scene) -> None:
    missed = MissedWatchdog(T0)
    assert missed.notes(scene.folder, T0 + 119_000) == []
    (note,) = missed.notes(scene.folder, T0 + 120_000)
    assert (note.name, note.severity) == ("watchdog.absent", Severity.WARNING)
    assert missed.notes(scene.folder, T0 + 3_600_000) == []
    asyncio.run(scene.rounds(10))
    (note,) = missed.notes(scene.folder, scene.clock.ms)
    assert note.name == "watchdog.present"
    (note,) = missed.notes(scene.folder, scene.clock.ms + 121_000)
    assert (note.name, note.severity) == ("watchdog.absent", Severity.ERROR)
    assert len(missed.notes(scene.folder, scene.clock.ms + 121_000 + 3_600_000)) == 1


def test_whatever_the_files_hold_neither_falls_over_them(scene) -> None:
    """One of the two files is read by each of the two processes; half of a disk block may be anything."""
    asyncio.run(scene.rounds(20))
    sound = {name: (scene.folder / name).read_text() for name in (FILE, "heartbeat.json")}
    junk = ["", "{", "[]", "null", "7", '"x"', "{}", "[" * 100_000, "NaN"]
    for name, text in sound.items():
        fields = json.loads(text)
        for field in fields:
            for value in (None, "x", -1, 1e400, [], {}, [1], {"a": 1}, True, 2**80):
                junk.append(json.dumps({**fields, field: value}))
        for wrong in junk:
            (scene.folder / name).write_text(wrong)
            scene.watchdog = scene.start()
            asyncio.run(scene.rounds(10))
            MissedWatchdog(T0).notes(scene.folder, T0 + 500_000)
            (scene.folder / name).write_text(text)
        junk = junk[:9]
    assert scene.line.sent == []


def test_a_journal_that_hangs_does_not_stop_the_watch(scene, monkeypatch) -> None:
    monkeypatch.setattr("xsmom.live.watchdog.process._JOURNAL_S", 0.02)
    release = threading.Event()

    def slow() -> frozenset[str]:
        release.wait(30)
        return frozenset({"BTCUSDT"})

    scene.watchdog.setting.ignored = slow

    async def walk() -> None:
        await scene.rounds(130)
        assert "watchdog.journal_unread" in scene.ear.names
        assert "watchdog.latched" in scene.ear.names
        release.set()
        await asyncio.sleep(0.05)
        await scene.rounds(20)
        sign = read_sign(scene.folder)
        assert sign is not None
        assert (sign.ignored, sign.positions) == (["BTCUSDT"], 0)

    asyncio.run(walk())
