"""The real trader beside the real exchange program for as long as is asked, in weather, looked at each hour.

What is written into the configuration is the classic profile on bars of four hours: in time-lapse an hourly bar would
be too old for a decision before thirty names were read.
"""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live.programs import Programs, added_up
from tests.soak.sampler import sample, size_mib
from xsmom.config.profiles import read_profile_text
from xsmom.lake.sample import SampleMarket
from xsmom.store.readers import open_reader

HISTORY_BARS = 1_000
_HOUR_S = 3_600.0
_CALM_S = 90.0
_BAR = {"1h": 1, "4h": 4}
_LINE = re.compile(r"\[(?:error|critical)\s*\] (\S+)(.*)")
_SETTINGS = """
universe: {{exclude: []}}
execution: {{style: market}}
live: {{state_dir: {state}, heartbeat_seconds: 1}}
exchange: {{base_url: "{address}", ca_file: {certificate}, requests_per_second: 600}}
"""

EXPLAINED = {
    # A fill is known before the stop that came with it is seen: `stop.placed` or an exit follows.
    "stop.missing": "",
    # For as long nothing more is opened.
    "gate.stop_coverage": "",
    # The exchange's stop had met the price; that it was carried out is told a tenth of a second of the wall later,
    # which is minutes here. The order that closes the position then finds none.
    "stop.given_up": "the price is beyond the stop, and the position stands",
    # An answer that took half a second leaves the clock unknown by minutes, in time-lapse: entries wait.
    "clock.skewed": "",
}
"""What may be said as an error in such weather, and what the line then says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how fast, how large."""

    hours: float
    lapse: float
    every_hours: float = 1.0
    symbols: int = 30
    timeframe: str = "4h"
    #: Share of calls and events that meet a random fault.
    fault_frac: float = 0.002

    @property
    def market(self) -> SampleMarket:
        hours = _BAR[self.timeframe]
        bars = HISTORY_BARS + int(self.hours / hours) + 400
        return SampleMarket(symbols=self.symbols, bars=bars, bar_ms=hours * 3_600_000, seed=7, churn=False)

    @property
    def config(self) -> str:
        profile = read_profile_text("classic").replace("{", "{{").replace("}", "}}")
        profile = profile.replace("timeframe: 1h ", f"timeframe: {self.timeframe} ")
        return profile.replace("risk:\n", "risk:\n  kill_switch: {{file: {state}/STOP}}\n") + _SETTINGS


@dataclass(slots=True)
class Soaked:
    """What was seen."""

    samples: list[dict[str, float]] = field(default_factory=list)
    weather: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    decided: int = 0
    filled: int = 0
    modes: Counter[str] = field(default_factory=Counter)


Tell = Callable[[str], None]


def soak(folder: Path, plan: Plan, tell: Tell) -> Soaked:
    """Run it, end it in order, and compare both books."""
    begin_ms = plan.market.start_ms + HISTORY_BARS * plan.market.bar_ms
    begin = time.strftime("%Y-%m-%d", time.gmtime(begin_ms / 1_000))
    found = Soaked()
    options = ("--from", begin)
    lapse = f"{plan.lapse:g}"
    with Programs(folder, market=plan.market, lapse=lapse, config=plan.config, options=options) as programs:
        programs.command("limits", enforced=False)
        programs.start()
        programs.until(programs.settled)
        _go_on(programs, plan, found, tell)
        _end(programs, found)
    return found


def _go_on(programs: Programs, plan: Plan, found: Soaked, tell: Tell) -> None:
    began_s, storms = time.monotonic(), weather(plan)
    due_hours, (storm_hours, storm) = 0.0, next(storms)
    programs.command("faults", rate=plan.fault_frac, seed=3)
    while due_hours <= plan.hours:
        hours = (time.monotonic() - began_s) * plan.lapse / _HOUR_S
        if hours < min(due_hours, storm_hours):
            time.sleep(min(0.2, (min(due_hours, storm_hours) - hours) * _HOUR_S / plan.lapse))
        elif storm_hours <= due_hours:
            found.weather[storm] += 1
            STORMS[storm](programs, plan)
            storm_hours, storm = next(storms)
        else:
            programs.until(lambda: programs.beat() is not None, _CALM_S)
            found.samples.append({"hours": hours, **look(programs)})
            beat = programs.beat()
            if beat is not None:
                found.modes[beat.mode] += 1
            if len(found.samples) % 24 == 0:
                tell(f"{hours:6.0f} h  {found.samples[-1]}")
            due_hours = max(due_hours + plan.every_hours, hours)


def look(programs: Programs) -> dict[str, float]:
    """Both processes, what the trader says of itself, and its files."""
    assert programs.trader is not None
    beat = programs.beat()
    assert beat is not None
    trader, exchange = sample(programs.trader.pid), sample(programs.exchange.pid)
    return {
        **{f"trader_{name}": value for name, value in trader.items()},
        **{f"exchange_{name}": value for name, value in exchange.items()},
        "trader_tasks": float(beat.working),
        "trader_waiting": float(beat.waiting),
        "trader_timers": float(beat.timers),
        "trader_orders": float(beat.orders),
        "entries": float(beat.seq),
        "journal_mib": size_mib(programs.state, "journal.sqlite3"),
        "wal_mib": size_mib(programs.state, "journal.sqlite3-wal"),
        "log_mib": size_mib(programs.folder, "live.log"),
    }


# --- weather ------------------------------------------------------------------------------------


def _cut(programs: Programs, _plan: Plan) -> None:
    programs.command("kill-sockets")


def _unavailable(programs: Programs, _plan: Plan) -> None:
    programs.command("faults", script=[{"do": "http", "status": 503, "times": 6}])


def _slow(programs: Programs, _plan: Plan) -> None:
    programs.command("faults", script=[{"do": "delay", "delay_ms": 400, "times": 8}])


def _deaf(programs: Programs, _plan: Plan) -> None:
    programs.command("faults", script=[{"do": "silent_socket", "match": "execution"}])


def _unsure(programs: Programs, _plan: Plan) -> None:
    programs.command("faults", script=[{"do": "drop", "match": "/v5/order/create", "when": "after_accept", "times": 2}])


def _maintenance(programs: Programs, plan: Plan) -> None:
    now_ms, lasts_ms = programs.command("state")["now_ms"], round(min(1.0, plan.hours / 8) * 3_600_000)
    programs.command("maintenance", title="soak", begin_ms=now_ms, end_ms=now_ms + lasts_ms)


STORMS: dict[str, Callable[[Programs, Plan], None]] = {
    "streams cut": _cut,
    "503": _unavailable,
    "slow answers": _slow,
    "order without an answer": _unsure,
    "silent stream": _deaf,
    "maintenance": _maintenance,
}


def weather(plan: Plan) -> Iterator[tuple[float, str]]:
    """What comes when: each kind in turn, eight in all or every twelve hours, and maintenance once, half way."""
    kinds = itertools.cycle(name for name in STORMS if name != "maintenance")
    step, interrupted = min(12.0, plan.hours / 8), False
    for turn in itertools.count(1):
        if not interrupted and turn * step >= plan.hours / 2:
            interrupted = True
            yield turn * step, "maintenance"
        else:
            yield turn * step, next(kinds)


# --- the end ------------------------------------------------------------------------------------


def _end(programs: Programs, found: Soaked) -> None:
    """Fair weather; when all is at rest time stands, the trader is asked to end, and both books are compared."""
    programs.command("faults", clear=True, rate=0)
    programs.until(lambda: _calm(programs), _CALM_S)
    programs.command("speed", speed=0)
    # What the last moments of the market did may still be on its way.
    programs.until(lambda: _calm(programs) and programs.journal()[0] == _held(programs.truth()), _CALM_S)
    assert programs.trader is not None
    programs.trader.send_signal(signal.SIGTERM)
    code = programs.trader.wait(_CALM_S)
    if code != 0:
        found.wrong.append(f"it ended with code {code}")
    _compare(programs, found)
    _read_log(programs, found)


def _calm(programs: Programs) -> bool:
    beat = programs.beat()
    return beat is not None and beat.coverage_frac == 1.0 and beat.orders == 0 and programs.at_rest()


def _held(truth: dict[str, Any]) -> dict[str, int]:
    return {truth["names"][row["symbol"]]: row["lots"] for row in truth["positions"] if row["lots"]}


def _compare(programs: Programs, found: Soaked) -> None:
    truth = programs.truth()
    held = _held(truth)
    booked, filled = programs.journal()
    traded = [row for row in truth["executions"] if row["kind"] == "trade"]
    there = added_up((row["client_id"], row["lots"]) for row in traded)
    sent = [row["client_id"] for row in (*truth["open_orders"], *truth["closed_orders"]) if row["client_id"]]
    cash_usdt, cost_usdt = _money(programs)
    wallet_usdt = truth["wallet"]["wallet_e8"] / 1e8
    found.filled = len(traded)
    found.wrong += [
        text
        for text, so in {
            f"the book holds {booked}, the exchange {held}": booked == held,
            f"executions differ: {set(filled.items()) ^ set(there.items())}": filled == there,
            "an order was sent twice": len(sent) == len(set(sent)),
            "a position has no stop": all(row["stop_loss_ticks"] for row in truth["positions"] if row["lots"]),
            f"cash and cost are {cash_usdt + cost_usdt}, the wallet {wallet_usdt}": (
                cash_usdt + cost_usdt == pytest.approx(wallet_usdt, abs=1e-4)
            ),
        }.items()
        if not so
    ]


def _money(programs: Programs) -> tuple[float, float]:
    """Cash of the book, and what was paid for what is held: together they are the wallet."""
    reader = open_reader(programs.rules, programs.state)
    try:
        book = reader.newest_book()
    finally:
        reader.close()
    assert book is not None
    held = book.lots != 0
    cost = (book.lots * book.roster.qty_step * book.positions["entry_price"])[held].sum()
    return book.money.cash_usdt, float(cost)


def _read_log(programs: Programs, found: Soaked) -> None:
    text = (programs.folder / "live.log").read_text("utf-8")
    lines = [match.groups() for match in _LINE.finditer(text)]
    found.said = Counter(name for name, _ in lines)
    found.decided = text.count("targets.decided ")
    unexplained = [f"{name} {said}" for name, said in lines if name not in EXPLAINED or EXPLAINED[name] not in said]
    if unexplained:
        found.wrong.append(f"errors that nothing explains: {unexplained[:5]}")
    for name, log in (("trader", text), ("exchange", (programs.folder / "simex.log").read_text("utf-8"))):
        if "Traceback" in log:
            found.wrong.append(f"a traceback in the log of the {name}: {log[log.index('Traceback') :][:1_500]}")
    (programs.folder / "said.json").write_text(json.dumps(found.said), "utf-8")
