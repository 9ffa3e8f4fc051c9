"""Every public command shows an example, and help imports only what it must."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from xsmom.cli.front import app, load_command
from xsmom.cli.table import COMMANDS
from xsmom.lake.sample import SampleMarket

# What `xsmom --help` may load beyond the standard library. rich is not among them.
HELP_MAY_IMPORT = {"xsmom", "typer", "shellingham", "annotated_doc"}
HELP_MAY_IMPORT_OF_OURS = {
    "xsmom",
    "xsmom.cli",
    "xsmom.cli.front",
    "xsmom.cli.main",
    "xsmom.cli.table",
    "xsmom.cli.values",
    "xsmom.errors",
}
# What a backtest without a report may load beyond the standard library: neither models nor frames nor rich.
BACKTEST_MAY_IMPORT = {"xsmom", "typer", "shellingham", "annotated_doc", "numpy", "ruamel"}
VERSION_MAY_IMPORT_OF_OURS = {"xsmom", "xsmom._core", "xsmom.cli", "xsmom.cli.main"}
# What the interpreter itself has loaded by then (site customisation) is not counted.
PROBE = """
import runpy, sys
before = set(sys.modules)
sys.argv = ["xsmom", *{arguments!r}]
try:
    runpy.run_module("xsmom", run_name="__main__")
except SystemExit:
    pass
sys.stdout.flush()
print(*(set(sys.modules) - before), file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """Modules that one command line adds to an interpreter that has just started, in a terminal of the usual width."""
    code = PROBE.format(arguments=list(arguments))
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert answer.stdout
    return set(answer.stderr.split())


def outside(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names


def test_help_of_a_terminal_that_is_wide_enough_imports_nothing() -> None:
    modules = loaded("--help")
    assert outside(modules) <= {"xsmom"}
    assert {name for name in modules if name.startswith("xsmom")} <= {"xsmom", "xsmom.cli", "xsmom.cli.main"}


def test_help_imports_only_what_is_listed() -> None:
    modules = loaded("--debug", "--help")
    assert outside(modules) <= HELP_MAY_IMPORT
    assert {name for name in modules if name.startswith("xsmom")} <= HELP_MAY_IMPORT_OF_OURS


def test_version_imports_only_the_core() -> None:
    modules = loaded("--version")
    assert outside(modules) <= {"xsmom"}
    assert {name for name in modules if name.startswith("xsmom")} <= VERSION_MAY_IMPORT_OF_OURS


def test_a_backtest_imports_only_what_it_needs(tmp_path: Path) -> None:
    panel = tmp_path / "small.panel"
    SampleMarket(6, 1_500, 3_600_000, 7).write(panel)
    arguments = ("backtest", "--fast", "--no-report", "--config", "classic", "--set", "strategy.k_max=3")
    modules = loaded(*arguments, "--panel", str(panel), "--out", str(tmp_path / "run"))
    # NumPy's generator of random numbers brings the runtime of Cython, under a name with its version.
    assert {name for name in outside(modules) if "cython" not in name} <= BACKTEST_MAY_IMPORT
    assert not {"xsmom.config.schema", "xsmom.research.sweep", "xsmom.research.report", "xsmom.live"} & modules


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield path, command
        return
    if command.invoke_without_command:
        yield path, command
    for name, child in inner.items():
        yield from leaves(child, f"{path} {name}")


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_command_has_an_example_that_calls_it(row: Any) -> None:
    for path, command in leaves(load_command(row), f"xsmom {row.name}"):
        assert path in (command.help or ""), f"{path} --help shows no example"
        for item in command.params:
            told = getattr(item, "help", None) or getattr(item, "hidden", False)
            assert told, f"{path}: {item.name} is not explained"


def test_the_table_and_the_front_agree() -> None:
    front: Any = get_command(app)
    assert list(front.commands) == [row.name for row in COMMANDS]
    assert len({row.name for row in COMMANDS}) == len(COMMANDS)
    for row in COMMANDS:
        assert row.help_line.endswith(".")
        assert len(row.help_line) <= 60
