"""The real command against the real exchange program, killed with signal 9 again and again, on each kind of database.

After the last start no name was sent twice, every execution is in the ledger, the book holds the exchange's lots, every
position has its stop, and a kill switch that was set is set. `XSMOM_KILLS=100` (`just killloop 100`) asks for as many
kills. How soon a stop stands, and whether one wish was sent under two names, is for the simulation to see.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.databases.fixtures import Database
from tests.e2e.live.trader import MARKET
from xsmom.live.heartbeat import Heartbeat, read_heartbeat
from xsmom.store.readers import open_reader
from xsmom.store.rules import StoreRules

LAPSE = "20x"
PATIENCE_S = 90.0
KILLS = int(os.environ.get("XSMOM_KILLS") or (100 if os.environ.get("XSMOM_PROOF") else 8))
CONFIG = """
strategy: {{timeframe: 1h}}
universe: {{exclude: []}}
execution: {{style: market}}
live: {{state_dir: {state}, heartbeat_seconds: 1}}
risk: {{kill_switch: {{file: {state}/STOP}}}}
exchange: {{base_url: "{address}", ca_file: {certificate}}}
"""


class Programs:
    """The exchange, and the trader that is killed."""

    def __init__(self, folder: Path, rules: StoreRules | None = None) -> None:
        self.folder, self.state, self.rules = folder, folder / "state", rules or StoreRules()
        url = self.rules.url
        self.environment = {
            **os.environ,
            **({} if url is None else {"XSMOM__STORAGE__URL": url.get_secret_value()}),
            "XSMOM__EXCHANGE__API_KEY": "kkkkkkkk",
            "XSMOM__EXCHANGE__API_SECRET": "ssssssss",
        }
        self.config = folder / "config.yaml"
        self.trader: subprocess.Popen | None = None

    def __enter__(self):
        panel = self.folder / "market.panel"
        MARKET.write(panel)
        certificate = self.folder / "simex.pem"
        options = ["--key", "kkkkkkkk", "--secret", "ssssssss", "--cert", str(certificate), "--speed", LAPSE, "--json"]
        self.exchange = self._start("simex", "--panel", str(panel), *options, stdout=subprocess.PIPE)
        assert self.exchange.stdout is not None
        told = json.loads("".join(iter(self.exchange.stdout.readline, "}\n")) + "}")
        self.control = told["control"]
        self.config.write_text(
            CONFIG.format(state=self.state, address=f"https://127.0.0.1:{told['port']}", certificate=certificate),
            "utf-8",
        )
        return self

    def __exit__(self, *_) -> None:
        for program in (self.trader, self.exchange):
            if program is not None and program.poll() is None:
                program.kill()
                program.wait()
            if program is not None and program.stdout is not None:
                program.stdout.close()

    def _start(self, *arguments: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen:
        command = [sys.executable, "-W", "ignore", "-m", "xsmom", *arguments]
        log = (self.folder / f"{arguments[0]}.log").open("ab")
        with contextlib.closing(log):
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=stdout, stderr=log, text=True
            )

    def start(self) -> None:
        self.trader = self._start("live", "--config", str(self.config), "--lapse", LAPSE)

    def kill(self) -> None:
        assert self.trader is not None
        if self.trader.poll() is not None:
            pytest.fail(f"the trader ended by itself: {(self.folder / 'live.log').read_text()[-2_000:]}")
        self.trader.send_signal(signal.SIGKILL)
        self.trader.wait()

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-W", "ignore", "-m", "xsmom", *arguments, "--config", str(self.config)]
        answer = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def truth(self) -> dict:
        request = urllib.request.Request(f"{self.control}/state", data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            told = json.loads(answer.read())
        return {"names": told["symbols"], **told["accounts"]["main"]}

    def move(self, usdt: int) -> None:
        """The owner moves money, in or out."""
        body = json.dumps({"account": "main", "usdt": usdt}).encode()
        request = urllib.request.Request(f"{self.control}/transfer", data=body, method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def moved_usdt(self) -> float:
        """What the book says was moved."""
        return float(json.loads(self.run("ledger", "--json"))["money"]["transfers_usdt"])

    def until(self, reached, seconds: float = PATIENCE_S) -> None:
        end = time.monotonic() + seconds
        while not reached():
            if time.monotonic() > end:
                pytest.fail(f"it did not come to pass: {(self.folder / 'live.log').read_text()[-3_000:]}")
            assert self.trader is None or self.trader.poll() is None, (self.folder / "live.log").read_text()[-3_000:]
            time.sleep(0.2)

    def beat(self) -> Heartbeat | None:
        """A sign of life of the trader that runs now; the file of one that was killed is none."""
        found = read_heartbeat(self.state)
        return found if found is not None and self.trader is not None and found.pid == self.trader.pid else None

    def journal(self) -> tuple[dict[str, int], dict[str, int]]:
        """Lots by symbol as the book has them, and lots by order as its executions add up."""
        reader = open_reader(self.rules, self.state)
        try:
            book, fills = reader.newest_book(), reader.fills()
        finally:
            reader.close()
        assert book is not None
        held = {name: int(lots) for name, lots in zip(book.roster.symbols, book.lots, strict=True) if lots}
        return held, added_up((row.client_order_id, row.lots) for row in fills)

    def settled(self) -> bool:
        beat = self.beat()
        return beat is not None and beat.positions > 0 and beat.coverage_frac == 1.0 and self.at_rest()

    def at_rest(self) -> bool:
        """No order of ours works at the exchange beside the stops of positions."""
        return not [row for row in self.truth()["open_orders"] if row["client_id"].startswith("xm")]


def added_up(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Lots of each order."""
    found: dict[str, int] = {}
    for name, lots in rows:
        found[name] = found.get(name, 0) + lots
    return found


def test_killed_at_random_it_never_sends_twice_and_never_forgets(tmp_path: Path, database: Database) -> None:
    chance = random.Random(20)
    with Programs(tmp_path, database.rules) as programs:
        for _ in range(KILLS):
            programs.start()
            programs.until(lambda: programs.beat() is not None)
            time.sleep(chance.uniform(0.5, 5.0))
            programs.kill()
        programs.start()
        programs.until(programs.settled)
        assert "taken" in programs.run("kill", "activate", "--reason", "the test ends", "--freeze")
        programs.until(lambda: (beat := programs.beat()) is not None and beat.kill)
        programs.kill()

        truth = programs.truth()
        sent = [row["client_id"] for row in (*truth["open_orders"], *truth["closed_orders"]) if row["client_id"]]
        assert len(sent) == len(set(sent)) > 0
        assert all(row["stop_loss_ticks"] for row in truth["positions"] if row["lots"])
        for usdt in (150, -20):
            programs.move(usdt)
        held = {truth["names"][row["symbol"]]: row["lots"] for row in truth["positions"] if row["lots"]}
        programs.start()
        programs.until(lambda: programs.beat() is not None)
        beat = programs.beat()
        assert beat is not None
        assert beat.kill
        assert beat.mode == "halted"
        programs.until(lambda: programs.moved_usdt() == 130.0)
        programs.kill()
        assert len(held) == beat.positions
        booked, filled = programs.journal()
        assert booked == held
        traded = [row for row in truth["executions"] if row["kind"] == "trade"]
        assert filled == added_up((row["client_id"], row["lots"]) for row in traded)
        exported = tmp_path / "income.csv"
        programs.run("export", "income", "--csv", str(exported))
        rows = [line.split(",") for line in exported.read_text("utf-8").splitlines() if ",transfer," in line]
        assert [row[4] for row in rows] == ["150", "-20"]
