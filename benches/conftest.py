"""Budgets: a bench measures a ratio and lets `budgets.hold(name, ratio)` judge it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

# The benches share a module of references that lies beside them.
sys.path.insert(0, str(Path(__file__).parent))

BUDGETS = Path(__file__).with_name("budgets.toml")


class Budgets:
    """The table of budgets.toml, and what was measured against it in this run."""

    def __init__(self, ratio_max: dict[str, float]) -> None:
        self.ratio_max = ratio_max
        self.measured: dict[str, float] = {}

    def hold(self, name: str, ratio: float) -> None:
        """Note the ratio for the summary and fail if it is above its budget."""
        self.measured[name] = ratio
        most = self.ratio_max[name]
        assert ratio <= most, f"{name}: {ratio:.2f}, above its budget of {most} in budgets.toml"


_KEY = pytest.StashKey[Budgets]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = Budgets(tomllib.loads(BUDGETS.read_text("utf-8"))["ratio_max"])


@pytest.fixture(scope="session")
def budgets(pytestconfig: pytest.Config) -> Budgets:
    return pytestconfig.stash[_KEY]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    budgets = config.stash[_KEY]
    if not budgets.measured:
        return
    terminalreporter.section("budgets")
    for name, ratio in sorted(budgets.measured.items()):
        terminalreporter.line(f"{name:<32} {ratio:8.2f}  of {budgets.ratio_max[name]:g}")
