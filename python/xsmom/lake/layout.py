"""Folders and files of a lake by name: which series lie where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.series import BAR_KINDS, VENUE, Kind, SeriesKey, folder_name, symbol_of
from xsmom.lake.telling import telling

_PART = re.compile(r"([0-9]{4})\.parquet")


class _Place(NamedTuple):
    """A folder whose folders are symbols."""

    venue: str
    kind: Kind
    timeframe: str
    path: Path


def find_series(
    root: Path, venue: str | None = None, kind: Kind | None = None, timeframe: str | None = None
) -> Iterator[SeriesKey]:
    """Every series that has a part; what is no folder of a lake is passed over."""
    for place in _places(root):
        if venue in (None, place.venue) and kind in (None, place.kind) and timeframe in (None, place.timeframe):
            yield from _series_in(place)


def find_parts(root: Path, key: SeriesKey) -> dict[int, Path]:
    """The parts of a series by year, rising."""
    return _parts(root / key.folder)


def part_path(root: Path, key: SeriesKey, year: int) -> Path:
    """Where a part lies."""
    return root / key.folder / f"{year}.parquet"


def instruments_path(root: Path, venue: str) -> Path:
    """Where the specifications of an exchange lie."""
    return root / venue / "instruments.parquet"


def _series_in(place: _Place) -> Iterator[SeriesKey]:
    for folder in _folders(place.path):
        symbol = symbol_of(folder.name)
        if folder_name(symbol) == folder.name and _parts(folder):
            yield SeriesKey(place.venue, place.kind, place.timeframe, symbol)


def _places(root: Path) -> Iterator[_Place]:
    for folder in _folders(root):
        if not VENUE.fullmatch(folder.name):
            continue
        yield _Place(folder.name, "funding", "", folder / "funding")
        for kind in BAR_KINDS:
            lengths = [one for one in _folders(folder / kind) if _is_timeframe(one.name)]
            yield from (_Place(folder.name, kind, one.name, one) for one in lengths)


def _is_timeframe(name: str) -> bool:
    try:
        return format_timeframe(parse_timeframe(name)) == name
    except DataError:
        return False


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    with telling(path, DataError):
        return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _parts(folder: Path) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    with telling(folder, DataError):
        matches = [(_PART.fullmatch(entry.name), entry) for entry in sorted(folder.iterdir())]
    return {int(match[1]): entry for match, entry in matches if match}
