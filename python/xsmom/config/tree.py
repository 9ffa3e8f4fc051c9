"""The tree of settings as a table: dotted name → what it expects, whether it may be written.

The table is read from `settings.json`, which `docs/generate.py` makes of the models; a test holds the two
together. Loader, error texts and help need no model then: building those of sixty sections, and importing
what builds them, would take half of the time of a short command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parent / "settings.json"
_EXPONENT_FROM = 1e7

Rule = Mapping[str, Any]
"""What a value has to be, in so far as it can be said without the models."""


class Extras(NamedTuple):
    """What stands beside type and range."""

    unit: str | None
    available: bool
    tuned: bool
    search: tuple[float, float] | None
    secret: bool


class Key(NamedTuple):
    """One setting."""

    name: str
    expects: str
    is_text: bool
    extras: Extras
    #: None where only the models can tell whether a value fits.
    rule: Rule | None
    given: object

    @property
    def available(self) -> bool:
        """True once some code acts on it."""
        return self.extras.available

    @property
    def default(self) -> Any:
        """Value where nothing is written."""
        return self.given.copy() if isinstance(self.given, list | dict) else self.given

    @property
    def leaf(self) -> str:
        """Last part of the name."""
        return self.name.rpartition(".")[2]


class Tree(NamedTuple):
    """All settings and all sections, by dotted name, in the order of the models."""

    keys: dict[str, Key]
    sections: dict[str, str]


@cache
def tree() -> Tree:
    """Read the table once."""
    table = json.loads(TABLE.read_bytes())
    keys = {}
    for name, expects, is_text, (unit, available, tuned, search, secret), rule, given in table["keys"]:
        extras = Extras(unit, available, tuned, None if search is None else (search[0], search[1]), secret)
        keys[name] = Key(name, expects, is_text, extras, rule, given)
    return Tree(keys, table["sections"])


def number(value: object) -> str:
    """A bound or default as a person writes it: 10000 rather than 10000.0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if abs(value) >= _EXPONENT_FROM or value != int(value) else str(int(value))
    return str(value)
