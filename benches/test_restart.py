"""From the start of a real process to trading, over the real exchange program, with a saved window of 100 names."""

from __future__ import annotations

import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.live.programs import Programs
from xsmom.lake.sample import SampleMarket

RESTARTS, PATIENCE_S = 3, 120.0
TRADING_S_MAX = 5.0
LAPSE = "2x"


def cpu_s(command: list[str]) -> float:
    """Processor time of a program that ends by itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def spent_s(pid: int) -> float:
    """Processor time of a running process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def trading(programs: Programs) -> bool:
    beat = programs.beat()
    return beat is not None and beat.mode == "trading"


@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc")
def test_from_a_restart_to_trading(tmp_path, budgets) -> None:
    market = SampleMarket(symbols=100, bars=2_400, seed=7, churn=False)
    spent: list[float] = []
    took: list[float] = []
    with Programs(tmp_path, market=market, lapse=LAPSE) as programs:
        programs.start()
        programs.until(lambda: (beat := programs.beat()) is not None and beat.decided_ms > 0, PATIENCE_S)
        for _ in range(RESTARTS):
            assert programs.trader is not None
            programs.trader.send_signal(signal.SIGTERM)
            programs.trader.wait()
            begun = time.monotonic()
            programs.start()
            while not trading(programs):
                assert time.monotonic() - begun < PATIENCE_S
                time.sleep(0.02)
            took.append(time.monotonic() - begun)
            spent.append(spent_s(programs.trader.pid))
    client = min(cpu_s([sys.executable, "-c", "import ccxt.async_support"]) for _ in range(3))
    half = statistics.median(took)
    print(f"restart to trading: {half:.2f} s (must: {TRADING_S_MAX:.0f}), processor {statistics.median(spent):.2f} s")
    budgets.hold("live.restart_process_over_client_import", statistics.median(spent) / client)
