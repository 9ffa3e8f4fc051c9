"""A word out of a fixed list, hashed for what it is.

`Enum` hashes its name, in Python: a table that is asked at every event then spends more on that than on its answer.
There is one object for each word, so its identity says the same.
"""

from __future__ import annotations

from enum import Enum


class Word(Enum):
    """One of a fixed list."""

    __hash__ = object.__hash__
