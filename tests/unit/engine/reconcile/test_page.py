"""The manual's table of invariants is the engine's."""

from __future__ import annotations

from pathlib import Path

from xsmom.engine.reconcile import INVARIANTS, Blocks
from xsmom.engine.reconcile.invariants import Finding, invariant_of, symbol_of

ROOT = Path(__file__).resolve().parents[4]
WORDS = {
    Blocks.NOTHING: "nothing",
    Blocks.SYMBOL: "entries in that name",
    Blocks.ENTRIES: "every entry",
    Blocks.HALT: "the engine",
}


def rows() -> list[str]:
    """The table, line by line."""
    return [f"| {one.number} | {one.text} | {one.deed} | {WORDS[one.blocks]} |" for one in INVARIANTS.values()]


def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs" / "explanation" / "reconciling.md").read_text("utf-8")
    shown = [line for line in page.splitlines() if line.startswith("| R")]
    assert shown == rows()


def test_numbers_run_through() -> None:
    assert list(INVARIANTS) == [f"R{number}" for number in range(1, len(INVARIANTS) + 1)]
    assert all(key == one.number for key, one in INVARIANTS.items())


def test_a_line_tells_its_invariant_and_its_symbol() -> None:
    for number, invariant in INVARIANTS.items():
        for symbol in ("", "AAAUSDT"):
            line = str(Finding(number, symbol, "12 lots: not 10"))
            assert invariant_of(line) is invariant
            assert symbol_of(line) == symbol
