"""A record with some fields replaced: the same as by its constructor, and no field that it has not."""

from dataclasses import dataclass, replace

import pytest

from xsmom.domain.book import Book, Cycle, Money, Names
from xsmom.domain.evolve import evolve


@dataclass(frozen=True)
class Pair:
    left: int
    right: int = 2


def test_it_is_what_replace_makes() -> None:
    pair = Pair(1)
    assert evolve(pair, right=5) == replace(pair, right=5)
    assert pair == Pair(1, 2)


def test_a_name_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Pair has no field middle"):
        evolve(Pair(1), middle=3)


@pytest.mark.parametrize("record", [Book, Cycle, Money, Names])
def test_what_is_evolved_checks_nothing_when_it_is_made(record: type) -> None:
    assert not hasattr(record, "__post_init__")
    assert "__slots__" not in vars(record)
