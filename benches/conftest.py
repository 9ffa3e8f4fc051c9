"""Budgets: a bench measures a ratio and lets `budgets.hold(name, ratio)` judge it."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

import pytest

# The benches share modules that lie beside them.
FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

from bench_table import Budgets, lay_out  # noqa: E402

_KEY = pytest.StashKey[Budgets]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("budgets")
    group.addoption("--bench-json", type=Path, default=FOLDER / "results.json", help="where the results are written")
    group.addoption("--renew-baseline", action="store_true", help="take what this run measures as the baseline")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = Budgets.read(FOLDER)


@pytest.fixture(scope="session")
def budgets(pytestconfig: pytest.Config) -> Budgets:
    return pytestconfig.stash[_KEY]


def describe_build() -> dict[str, Any]:
    from xsmom import _core

    return {**_core.build_info(), "python": platform.python_version()}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write what was measured, and fail a run that has grown slow though every gate let it pass."""
    budgets, options = session.config.stash[_KEY], session.config.option
    if not budgets.measured:
        return
    text = json.dumps(budgets.document(describe_build()), indent=2)
    options.bench_json.write_text(text + "\n", "utf-8")
    if options.renew_baseline:
        (FOLDER / "baseline.json").write_text(json.dumps(budgets.renewed(describe_build()), indent=2) + "\n", "utf-8")
    elif exitstatus == pytest.ExitCode.OK and any(line.regressed for line in budgets.lines):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    budgets = config.stash[_KEY]
    if not budgets.measured:
        return
    terminalreporter.section("ratios")
    for row in lay_out(budgets.lines):
        terminalreporter.line(row)
    for line in budgets.lines:
        if line.regressed:
            terminalreporter.line(line.sentence, red=True)
    terminalreporter.line(f"written to {config.option.bench_json}")
