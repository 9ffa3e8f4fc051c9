"""`xsmom data download` against `xsmom simex`: one process of ours fetches from another, through the real client.

Truth is the panel that the made-up exchange walks through: whatever went wrong on the way, the lake holds
what that panel says, `data check` finds nothing, and its compiled panel has the same cells.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsmom.cli.main import main
from xsmom.domain.panel import NEVER_MS
from xsmom.domain.stamps import format_ms
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.lake.series import SeriesInfo, SeriesKey
from xsmom.lake.store import Lake
from xsmom.venues import wire

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DAYS = 120

_WINDOW_S = 5.0


class Exchange:
    """A simulated exchange in a process of its own, its market standing still until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        self.panel_path, self.certificate = folder / "truth.panel", folder / "simex.pem"
        SampleMarket(8, 24 * DAYS, HOUR_MS, 5, 1.0).write(self.panel_path)
        self.panel = Panel.open(self.panel_path)
        begin = format_ms(int(self.panel.close_ms[24 * 100]))[:10]
        command = [sys.executable, "-W", "ignore", "-m", "xsmom", "simex", "--json", "--step", "--from", begin]
        command += ["--panel", str(self.panel_path), "--cert", str(self.certificate)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        told = ""
        while not told.endswith("\n}\n"):
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            told += line
        self.told = json.loads(told)
        self.address = f"https://127.0.0.1:{self.told['port']}"
        self.do("advance", by_ms=600_000)  # into a bar: whether one closed this very millisecond nobody can know

    def do(self, command: str, **given: Any) -> Any:
        """One command of the control port."""
        request = urllib.request.Request(f"{self.told['control']}/{command}", json.dumps(given).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def faults(self, *script: dict[str, Any]) -> None:
        """Forget the old faults, and have these."""
        self.do("faults", clear=True, script=list(script))

    @property
    def now_ms(self) -> int:
        return int(self.do("state")["now_ms"])

    def close(self) -> None:
        alive = self.process.poll() is None
        self.process.terminate()
        said = self.process.communicate(timeout=60)[1]
        assert alive, said


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    running = Exchange(tmp_path_factory.mktemp("exchange"))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _on_this_machine(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(exchange.certificate))
    monkeypatch.setattr(wire, "_PAUSES_S", (0.01, 0.01, 0.01))
    yield
    exchange.faults()


def arguments(exchange: Exchange, lake: Path, *more: str) -> list[str]:
    since = format_ms(int(exchange.panel.close_ms[0]) - HOUR_MS)[:10]
    return ["data", "download", "--since", since, "--lake", str(lake), "--server", exchange.address, *more]


def download(
    exchange: Exchange, lake: Path, capsys: pytest.CaptureFixture[str], *more: str, expect: int = 0
) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments(exchange, lake, *more), "--json"]) == expect
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def check(lake: Path, capsys: pytest.CaptureFixture[str], *, killed: bool = False) -> dict[str, Any]:
    """`data check`, which must be clean: what it finds is what the made-up market did, not what we did.

    Behind a kill a half file may lie about until the next writer removes it, and that is told.
    """
    capsys.readouterr()
    assert main(["data", "check", "--lake", str(lake), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert {finding["rule"] for finding in document["files"]} <= ({"leftover"} if killed else set())
    return document


def assert_whole(exchange: Exchange, folder: Path, now_ms: int) -> None:
    """Every closed bar and every print of every contract, in ticks of the exchange, and nothing else."""
    lake, panel = Lake.open(folder), exchange.panel
    ticks = dict(lake.instruments("bybit").select("symbol", "price_tick").iter_rows())
    seen = panel.listed_ms <= now_ms
    assert sorted(ticks) == [symbol for symbol, there in zip(panel.symbols, seen, strict=True) if there]
    for column in np.flatnonzero(seen):
        symbol, tick = panel.symbols[column], float(ticks[panel.symbols[column]])
        told = ~np.isnan(panel.close[:, column]) & (panel.close_ms <= now_ms)
        for kind in ("bars", "mark"):
            rows = lake.read(SeriesKey("bybit", kind, "1h", symbol))
            np.testing.assert_array_equal(rows["open_ms"].to_numpy(), panel.close_ms[told] - HOUR_MS)
            for name in ("open", "high", "low", "close") if kind == "bars" else ():
                off = np.abs(rows[name].to_numpy() - getattr(panel, name)[told, column])
                assert off.max() <= tick * 0.5000001, (symbol, name)
        paid = (np.nan_to_num(panel.funding_frac[:, column]) != 0) & (panel.close_ms <= now_ms)
        prints = lake.read(SeriesKey("bybit", "funding", "", symbol))
        np.testing.assert_array_equal(prints["at_ms"].to_numpy(), panel.close_ms[paid])
        np.testing.assert_allclose(prints["rate_frac"].to_numpy(), panel.funding_frac[paid, column], atol=5e-9)


def infos_of(folder: Path) -> list[SeriesInfo]:
    lake = Lake.open(folder)
    return [lake.info(one) for one in lake.keys(None)]


def fingerprint(folder: Path) -> list[Any]:
    infos = infos_of(folder)
    return [(str(info.key), info.content_sha256, info.covered, info.holes) for info in infos]


def test_all_of_the_market_comes_into_the_lake_and_out_as_a_panel(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, now_ms = tmp_path / "lake", exchange.now_ms
    told = download(exchange, folder, capsys)
    assert (told["failed"], told["gave_up"]) == (0, None)
    # The first window may be used up at once: the exchange counts calls in five seconds, and knows of none before.
    assert told["calls"] <= told["budget_per_second"] * (told["seconds"] + _WINDOW_S)
    assert_whole(exchange, folder, now_ms)
    found = {finding["rule"] for market in check(folder, capsys)["markets"] for finding in market["findings"]}
    assert found <= {"gap", "no_trade", "ended", "long_wick", "jump_after_gap", "frozen"}
    again = download(exchange, folder, capsys)
    assert again["rows"] == 0
    out = tmp_path / "out.panel"
    assert main(["data", "compile", "--lake", str(folder), "--out", str(out)]) == 0
    made, truth = Panel.open(out, verify=True), exchange.panel
    rows = np.searchsorted(truth.close_ms, made.close_ms)
    for place, symbol in enumerate(made.symbols):
        column = truth.symbols.index(symbol)
        cells, wanted = made.close[:, place], truth.close[rows, column]
        np.testing.assert_array_equal(np.isnan(cells), np.isnan(wanted) | (truth.volume_usdt[rows, column] == 0))
        np.testing.assert_allclose(cells[~np.isnan(cells)], wanted[~np.isnan(cells)], rtol=1e-3)
        gone_ms = int(truth.delisted_ms[column])
        dates = (int(made.listed_ms[place]), int(made.delisted_ms[place]))
        assert dates == (int(truth.listed_ms[column]), gone_ms if gone_ms <= now_ms else NEVER_MS)
    assert (made.delisted_ms != NEVER_MS).any()


def test_what_is_new_is_appended_and_the_forming_bar_is_not(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lake"
    one = ("--symbols", "BTCUSDT", "--kinds", "ohlcv")
    download(exchange, folder, capsys, *one)
    last_ms = Lake.open(folder).info(SeriesKey("bybit", "bars", "1h", "BTCUSDT")).last_ms
    exchange.do("advance", by_ms=5 * HOUR_MS + HOUR_MS // 2)  # half of the sixth is there, and is not stored
    assert download(exchange, folder, capsys, *one)["rows"] == 5
    rows = Lake.open(folder).read(SeriesKey("bybit", "bars", "1h", "BTCUSDT"))
    assert last_ms is not None
    assert rows["open_ms"][-1] == last_ms + 5 * HOUR_MS
    exchange.do("advance", by_ms=HOUR_MS // 2)  # now ten minutes into the seventh
    assert download(exchange, folder, capsys, *one)["rows"] == 1
    check(folder, capsys)


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "html200"},
        {"do": "empty"},
        {"do": "cut"},
        {"do": "drop"},
        {"do": "delay", "delay_ms": 200},
        {"do": "http", "status": 502},
        {"do": "ret", "code": 10016, "text": "Server error"},
    ],
    ids=lambda fault: fault["do"],
)
def test_what_goes_wrong_now_and_then_leaves_no_trace(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: dict[str, Any]
) -> None:
    now_ms = exchange.now_ms
    exchange.faults(*({"match": path, "skip": skip, **fault} for path in ("kline", "funding") for skip in (0, 2, 5)))
    download(exchange, tmp_path / "lake", capsys)
    exchange.faults()
    assert_whole(exchange, tmp_path / "lake", now_ms)
    check(tmp_path / "lake", capsys)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"do": "html200"}, "answered '<"),
        ({"do": "http", "status": 502}, "HTTP 502"),
        ({"do": "drop"}, "the connection broke"),
    ],
    ids=["html200", "http", "drop"],
)
def test_a_page_that_never_comes_is_a_known_hole_until_it_comes(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: dict[str, Any], words: str
) -> None:
    folder, now_ms = tmp_path / "lake", exchange.now_ms
    exchange.faults({"match": "/v5/market/kline", "skip": 2, "times": 0, **fault})
    told = download(exchange, folder, capsys, "--symbols", "BTCUSDT", "--kinds", "ohlcv", expect=11)
    (series,) = told["series"]
    assert told["failed"] == len(series["holes"]) >= 1
    assert all(words in hole["why"] for hole in series["holes"])
    info = Lake.open(folder).info(SeriesKey("bybit", "bars", "1h", "BTCUSDT"))
    assert sum(hole.span.end_ms - hole.span.start_ms for hole in info.holes) > 900 * HOUR_MS
    assert info.rows < 2_000
    exchange.faults()
    assert download(exchange, folder, capsys)["failed"] == 0
    assert_whole(exchange, folder, now_ms)
    check(folder, capsys)


@pytest.mark.parametrize("status", [403, 429])
def test_an_exchange_that_asks_to_be_left_alone_is(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    folder, now_ms = tmp_path / "lake", exchange.now_ms
    exchange.faults({"do": "http", "status": status, "match": "kline", "skip": 3, "times": 0})
    told = download(exchange, folder, capsys, expect=11)
    assert f"HTTP {status}" in told["gave_up"]
    exchange.faults()
    download(exchange, folder, capsys)
    assert_whole(exchange, folder, now_ms)


def test_a_stranger_in_the_exchanges_place_is_named_at_once(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setattr(wire, "_PAUSES_S", (30.0, 30.0, 30.0))  # asking again would not help
    began_s = time.monotonic()
    assert main(arguments(exchange, tmp_path / "lake")) == 11
    assert time.monotonic() - began_s < 25
    told = capsys.readouterr().err.strip()
    assert "the certificate of 127.0.0.1 is not trusted (self-signed certificate)" in told
    assert len(told.splitlines()) == 1


def start(exchange: Exchange, lake: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-m", "xsmom", *arguments(exchange, lake)]
    environment = {**os.environ, "SSL_CERT_FILE": str(exchange.certificate)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_where_it_was(
    exchange: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str], proof: bool
) -> None:
    """SIGKILL at random places; the lake is clean after each, and in the end equals an untroubled one."""
    folder, now_ms, dice = tmp_path / "lake", exchange.now_ms, random.Random(11)
    exchange.faults({"do": "delay", "delay_ms": 30, "match": "/v5/market/", "times": 0})
    stored: set[int] = set()
    for _ in range(40 if proof else 8):
        process = start(exchange, folder)
        deadline = time.monotonic() + 60
        before = len(list(folder.rglob("*.parquet")))
        while len(list(folder.rglob("*.parquet"))) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        check(folder, capsys, killed=True)
        stored.add(sum(info.rows for info in infos_of(folder)))
    assert len(stored) > 1, "it was never killed on the way"
    exchange.faults()
    download(exchange, folder, capsys)
    download(exchange, tmp_path / "untroubled", capsys)
    assert_whole(exchange, folder, now_ms)
    check(folder, capsys)
    assert fingerprint(folder) == fingerprint(tmp_path / "untroubled")
    assert Lake.open(folder).strangers() == []
    assert not list(folder.rglob(".*.tmp"))
