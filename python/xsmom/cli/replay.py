"""How a replay through the live engine compares with the simulation, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xsmom.cli.output import print_table
from xsmom.domain.stamps import format_ms

if TYPE_CHECKING:
    from xsmom.live.parity import Parity


def print_parity(parity: Parity) -> None:
    """Rows of agreement, and the sentence that sums them up."""
    rows = [
        ("bars with the same lots", f"{parity.bars_same:,} of {parity.bars:,}", "held by engine and simulation"),
        ("equity", "same bits" if parity.equity_same else "differs", "at every close"),
        ("fills", f"{parity.fills_replay:,} and {parity.fills_fast:,}", "engine and simulation"),
        (
            "steps of the engine",
            f"{parity.steps:,}",
            f"{parity.step_ms_mean:.2f} ms each, 99 % within {parity.step_ms_p99:.2f} ms",
        ),
    ]
    rows += [(f"refused: {veto}", f"{count:,}", "orders that a gate stopped") for veto, count in parity.refused.items()]
    print_table(("replay", "value", "meaning"), rows, [None] * len(rows))
    print(parity_line(parity))


def parity_line(parity: Parity) -> str:
    """One sentence."""
    if parity.same:
        return "the live engine held the lots of the simulation at every bar"
    assert parity.first_ms is not None, "bars that differ have a first"
    names = ", ".join(parity.first_symbols)
    where = f"they part at {format_ms(parity.first_ms)} in {names}"
    if parity.refused:
        return f"{where}: gates refused {sum(parity.refused.values()):,} orders"
    return f"{where}, and no gate refused anything: that is a bug, please report it"
