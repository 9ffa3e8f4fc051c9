"""A row of the table of guards, and the files that its tests are in."""

from __future__ import annotations

from dataclasses import dataclass

LIVE = "tests/e2e/live"
UNIT = "tests/unit/engine"


LOSSES = f"{LIVE}/test_guards_of_losses.py"
LINE = f"{LIVE}/test_guards_of_the_line.py"
GATES = f"{UNIT}/gates"
ACCOUNT = f"{LIVE}/test_guards_of_the_account.py"
ORDERS = f"{LIVE}/test_guards_of_orders.py"
WAITING = f"{LIVE}/test_entries_that_wait.py"
SHAPES = f"{LIVE}/test_guards_of_targets.py"
NOTED = f"{UNIT}/test_guard_notes.py"


@dataclass(frozen=True)
class Row:
    """One guard. `mode` names what the engine's mode becomes, where it changes."""

    setting: str
    provoked: str
    alert: str
    seen: str
    clears: str
    on_wire: str
    in_step: str
    mode: str | None = None
    #: What the test on the wire has instead of asking for the row by its name.
    wire_phrase: str = ""
