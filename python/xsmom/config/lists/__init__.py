"""Lists that come with the package: kinds of names that are no momentum trade, and what became of tickers.

Each list is a file with the date as of which it was put together and a word on every name. A name in a
list is the base of a contract: USDC of USDCUSDT.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from xsmom.domain.stamps import parse_ms
from xsmom.domain.tickers import Change

NameKind: TypeAlias = Literal["stablecoins", "wrapped", "duplicates", "stocks", "metals"]
"""Kinds of names that have a list."""


@cache
def read_list(name: str) -> dict[str, Any]:
    """One list as its file says it."""
    import tomllib

    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text("utf-8"))


def list_symbols(kinds: Iterable[NameKind], quote: str) -> list[str]:
    """Symbols of these kinds in contracts that settle in `quote`."""
    return sorted({f"{base}{quote}" for kind in kinds for base in read_list(kind)["names"]})


def kind_of(symbol: str, quote: str) -> NameKind | None:
    """The list that a symbol stands in."""
    kinds: tuple[NameKind, ...] = ("stablecoins", "wrapped", "duplicates", "stocks", "metals")
    return next((kind for kind in kinds if symbol in list_symbols((kind,), quote)), None)


def list_changes(quote: str) -> tuple[Change, ...]:
    """The dated map of renames and redenominations, as symbols of contracts in `quote`."""
    return tuple(
        Change(
            at_ms=parse_ms(entry["date"]),
            old=f"{entry['old']}{quote}",
            new=f"{entry['new']}{quote}",
            units=float(entry["units"]),
            note=entry["note"],
        )
        for entry in read_list("changes")["change"]
    )
