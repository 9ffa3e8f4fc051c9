"""What it costs to say hello: CPU time of `xsmom --help` and `--version`, in units of Python's own start.

CPU time of the child processes, not wall time, and the three command lines in turn: on a busy
machine both sides of each ratio are disturbed alike, and the median forgives the rest.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

import pytest

from xsmom.lake.sample import SampleMarket

ROUNDS = 15
COMMANDS = {
    "nothing": ["-c", "pass"],
    "version": ["-m", "xsmom", "--version"],
    "help": ["-m", "xsmom", "--help"],
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a place for bytecode: an installed package has its own, and a checkout may be kept from writing it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(tmp_path / "bytecode")}


def cpu_s(arguments: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of one child process, whose output goes nowhere."""
    null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-W", "ignore", *arguments], environment, file_actions=[null]
    )
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return usage.ru_utime + usage.ru_stime


def median_cpu(commands: dict[str, list[str]], rounds: int, environment: dict[str, str]) -> dict[str, float]:
    """Median CPU seconds of each command line, taken in turn."""
    for arguments in commands.values():  # fills the disk cache and writes .pyc files
        cpu_s(arguments, environment)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            seconds[name].append(cpu_s(arguments, environment))
    return {name: statistics.median(values) for name, values in seconds.items()}


def test_cli_start(budgets, environment) -> None:
    median = median_cpu(COMMANDS, ROUNDS, environment)
    budgets.hold("cli.version", median["version"] / median["nothing"])
    budgets.hold("cli.help", median["help"] / median["nothing"])


def test_a_whole_backtest_over_importing_polars(tmp_path, budgets, environment) -> None:
    """Start, configuration, 50 x 8,760 hourly bars, figures and run folder, as one process."""
    panel = tmp_path / "s.panel"
    SampleMarket(50, 8_760, 3_600_000, 7).write(panel)
    folder = tmp_path / "run"
    # Each run has a folder of its own: an existing one is refused.
    script = "import shutil, sys; shutil.rmtree(sys.argv[-1], True); from xsmom.cli.main import run; run()"
    line = ["backtest", "--fast", "--no-report", "--config", "classic", "--panel", str(panel), "--out", str(folder)]
    commands = {"backtest": ["-c", script, *line], "polars": ["-c", "import polars"]}
    median = median_cpu(commands, 7, environment)
    print({name: f"{seconds:.2f} s" for name, seconds in median.items()})
    budgets.hold("cli.backtest_over_polars", median["backtest"] / median["polars"])
