"""No guard without a row: every gate, guard and alarm has one, and the tests that it names speak of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.live.guard_row import Row
from tests.e2e.live.guard_table import ASKED_FOR, BACKSTOPS, ROWS
from xsmom.engine import gates
from xsmom.engine.gates import GATES, NET_CAP
from xsmom.engine.guard_notes import GUARD_NOTES
from xsmom.engine.watch import ALARMS

ROOT = Path(__file__).resolve().parents[2]
NO_GATES = {"__init__", "gate"}


def spoken_of(alert: str) -> list[Row]:
    """Rows that are told under this name, or say that it is told beside theirs."""
    return [row for row in ROWS.values() if row.alert == alert or f"`{alert}`" in row.seen]


@pytest.mark.parametrize("name", sorted(path.stem for path in Path(gates.__file__).parent.glob("*.py")))
def test_every_gate_has_a_row(name: str) -> None:
    if name in NO_GATES:
        return
    assert name in {row.veto.value for row in (*GATES, NET_CAP)}, f"{name} stands in no table of gates"
    assert name in BACKSTOPS or spoken_of(f"gate.{name}"), f"gate.{name} has no row in the table of guards"
    assert BACKSTOPS.get(name, next(iter(ROWS))) in ROWS


@pytest.mark.parametrize("name", GUARD_NOTES)
def test_every_guard_of_the_core_has_a_row(name: str) -> None:
    assert ROWS[name].alert == f"guard.{name}"


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_has_a_row(name: str) -> None:
    assert spoken_of(name), f"{name} has no row in the table of guards"


def test_everything_that_is_promised_has_a_row() -> None:
    assert set(ASKED_FOR) <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_the_tests_of_a_row_speak_of_it(name: str) -> None:
    row = ROWS[name]
    on_wire = (ROOT / row.on_wire).read_text("utf-8")
    assert (row.wire_phrase or f'fires("{name}")') in on_wire or (
        f'("{name}",' in on_wire and "fires(guard)" in on_wire
    ), f"{row.on_wire} does not make {name} fire"
    in_step = (ROOT / row.in_step).read_text("utf-8")
    words = {row.alert, f"gate.{name}", name, row.alert.split(".")[-1], *row.seen.replace("`", " ").split()}
    assert any(f'"{word}"' in in_step or f"{word}(" in in_step or word in in_step for word in words if len(word) > 3)


def test_what_a_row_tells_stands_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    missing = sorted({row.alert for row in ROWS.values()} - {one for one in runbook.split("`") if "." in one})
    assert missing == []
