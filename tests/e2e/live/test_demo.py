"""`xsmom demo` whole: its live half trades what the backtest decides, and says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from xsmom.cli.demo_parity import BarParity, DemoParity
from xsmom.cli.main import main
from xsmom.config.load import load_config
from xsmom.store.readers import open_reader
from xsmom.store.rules import StoreRules


def test_the_live_half_decides_what_the_backtest_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path), "--live-bars", "1", "--json"]) == 0
    live = json.loads(capsys.readouterr().out)["live"]
    assert live["passed"]
    assert live["entries_same"] == live["entries"] > 100
    first, second = live["bars"]
    assert first["names_same"] == first["names"] == second["names_same"]
    assert first["difference_frac"] == 0.0
    assert first["gross_frac"] > 0.1
    assert live["followed_apart"] == []
    assert live["targets"] == len(live["bars"])
    assert live["plans"] >= 1
    assert live["live_costs"]["traded_usdt"] > 1_000.0
    assert 0.0 < live["price_frac"] < 0.01
    reader = open_reader(StoreRules.of(load_config("weekly")), Path(live["state_dir"]))
    book = reader.newest_book()
    assert book is not None
    assert len(live["positions"]) == int((book.lots != 0).sum()) > 10
    # Every position was opened by a plan, and has the stop of its plan.
    assert not [row for row in reader.notes(name="position.closed") if row.note.fields["exit"] == "emergency_stop"]
    reader.close()
    assert (tmp_path / "parity.html").stat().st_size > 100_000


BAR = BarParity(0, 2, 2, 0.0, 1.0, True, 1.0, 1.0, 2)
FOUND = DemoParity((BAR,), 10, 10, True, {}, {}, 1, 1, (), 0.0)


@pytest.mark.parametrize(
    "bad",
    [
        {"entries_same": 9},
        {"books_agree": False},
        {"targets": 0},
        {"followed_apart": ("planned lots: 3 live, 2 here",)},
        {"bars": ()},
        {"bars": (replace(BAR, names_same=1),)},
        {"bars": (BAR, replace(BAR, features_same=False))},
    ],
)
def test_what_must_be_the_same_and_is_not_fails_it(bad: dict[str, object]) -> None:
    assert FOUND.passed
    assert not replace(FOUND, **bad).passed  # type: ignore[arg-type]
