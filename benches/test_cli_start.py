"""What it costs to say hello: CPU time of `xsmom --help` and `--version`, in units of Python's own start.

CPU time of the child processes, not wall time, and the three command lines in turn: on a busy
machine both sides of each ratio are disturbed alike, and the median forgives the rest.
"""

from __future__ import annotations

import os
import statistics
import sys

ROUNDS = 15
COMMANDS = {
    "nothing": ["-c", "pass"],
    "version": ["-m", "xsmom", "--version"],
    "help": ["-m", "xsmom", "--help"],
}


def cpu_s(arguments: list[str]) -> float:
    """User and system seconds of one child process, whose output goes nowhere."""
    null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-W", "ignore", *arguments], os.environ, file_actions=[null]
    )
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return usage.ru_utime + usage.ru_stime


def test_cli_start(budgets) -> None:
    for arguments in COMMANDS.values():  # fills the disk cache and writes .pyc files
        cpu_s(arguments)
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            seconds[name].append(cpu_s(arguments))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    budgets.hold("cli.version", median["version"] / median["nothing"])
    budgets.hold("cli.help", median["help"] / median["nothing"])
