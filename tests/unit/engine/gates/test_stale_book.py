from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.gate_books import NOW_MS, book, entry, rules
from tests.unit.engine.gate_steps import decide
from xsmom.domain.book import Book
from xsmom.domain.orders import Refuse, Veto
from xsmom.engine.gates.stale_book import judge


def known(made: Book, part: str, value: Any) -> Book:
    changes: dict[str, Any] = {part: value}
    return replace(made, venue=replace(made.venue, **changes))


def old(made: Book, part: str = "account_ms") -> Book:
    return known(made, part, getattr(made.venue, part) - 360_001)


def test_it_fires_through_the_step() -> None:
    outcome = decide(old)
    assert outcome.refused == {"stale_book"}
    assert outcome.opened == set()
    assert "gate.stale_book" in outcome.told


def test_a_dead_stream_fires_through_the_step() -> None:
    outcome = decide(lambda made: replace(made, health=replace(made.health, streaming=False)))
    assert outcome.refused == {"stale_book"}
    assert "the private stream is down" in outcome.why


@pytest.mark.parametrize("part", ["account_ms", "positions_ms", "orders_ms"])
def test_each_part_of_a_reading_grows_old(part: str) -> None:
    assert judge(entry(), old(book(), part), rules(), NOW_MS) == Refuse(Veto.STALE_BOOK, "read 360 s ago")
    fresh = known(book(), part, NOW_MS - 360_000)
    assert not isinstance(judge(entry(), fresh, rules(), NOW_MS), Refuse)


@pytest.mark.parametrize("part", ["account", "positions"])
def test_a_failed_read_is_unknown_and_never_flat(part: str) -> None:
    made = known(book(), part, None)
    assert judge(entry(), made, rules(), NOW_MS) == Refuse(Veto.BLIND, "the account could not be read")
