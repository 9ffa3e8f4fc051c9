"""The examples that help shows work as they stand, where they need no file of the reader's own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from xsmom.cli import backtest, sweep
from xsmom.cli.main import main

TEXTS = (backtest.backtest.__doc__, backtest.check.__doc__, sweep.sweep.__doc__)
FOUND = re.compile(r"^ +(xsmom .*(?:\n {10}.*)*)$", re.MULTILINE)
LINES = [" ".join(line.split()) for text in TEXTS for line in FOUND.findall(text or "")]
OWN_FILES = ("--panel", "--data")
EXAMPLES = [line for line in LINES if not any(option in line for option in OWN_FILES)]


def test_they_are_found() -> None:
    assert {line.split()[1] for line in EXAMPLES} == {"backtest", "sweep"}
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_works_as_it_stands(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[1:]) == 0
