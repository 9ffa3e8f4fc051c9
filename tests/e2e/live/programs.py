"""The exchange and the trader as two programs that can be started, killed and asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live.trader import MARKET
from xsmom.lake.sample import SampleMarket
from xsmom.live.heartbeat import Heartbeat, read_heartbeat
from xsmom.store.readers import open_reader
from xsmom.store.rules import StoreRules

LAPSE = "20x"
PATIENCE_S = 90.0
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

    def __init__(
        self,
        folder: Path,
        rules: StoreRules | None = None,
        *,
        market: SampleMarket = MARKET,
        lapse: str = LAPSE,
        config: str = CONFIG,
        options: Iterable[str] = (),
    ) -> None:
        self.folder, self.state, self.rules = folder, folder / "state", rules or StoreRules()
        self.market, self.lapse, self.text, self.options = market, lapse, config, tuple(options)
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
        self.market.write(panel)
        certificate = self.folder / "simex.pem"
        options = ["--key", "kkkkkkkk", "--secret", "ssssssss", "--cert", str(certificate)]
        options += ["--speed", self.lapse, "--json", *self.options]
        self.exchange = self._start("simex", "--panel", str(panel), *options, stdout=subprocess.PIPE)
        assert self.exchange.stdout is not None
        told = json.loads("".join(iter(self.exchange.stdout.readline, "}\n")) + "}")
        self.control = told["control"]
        address = f"https://127.0.0.1:{told['port']}"
        self.config.write_text(self.text.format(state=self.state, address=address, certificate=certificate), "utf-8")
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
        self.trader = self._start("live", "--config", str(self.config), "--lapse", self.lapse)

    def kill(self) -> None:
        assert self.trader is not None
        if self.trader.poll() is not None:
            pytest.fail(f"the trader ended by itself: {(self.folder / 'live.log').read_text()[-2_000:]}")
        self.trader.send_signal(signal.SIGKILL)
        self.trader.wait()

    def run(self, *arguments: str) -> str:
        """What a command says, which has to succeed."""
        answer = self.answer(*arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def answer(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What a command says and how it ends."""
        command = [sys.executable, "-W", "ignore", "-m", "xsmom", *arguments, "--config", str(self.config)]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def said(self) -> str:
        """Everything that the trader has logged."""
        return (self.folder / "live.log").read_text("utf-8")

    def command(self, name: str, **given: object) -> Any:
        """Lay a hand on the exchange."""
        body = json.dumps(given).encode()
        request = urllib.request.Request(f"{self.control}/{name}", data=body, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def truth(self) -> dict:
        told = self.command("state")
        return {"names": told["symbols"], **told["accounts"]["main"]}

    def move(self, usdt: int) -> None:
        """The owner moves money, in or out."""
        self.command("transfer", account="main", usdt=usdt)

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
