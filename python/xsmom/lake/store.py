"""The lake: series of bars, mark prices and funding in a folder, kept exactly as their source told them.

    <lake>/lake.json                                   version of the layout
    <lake>/<venue>/<bars|mark>/<timeframe>/<SYMBOL>/<YEAR>.parquet
    <lake>/<venue>/funding/<SYMBOL>/<YEAR>.parquet
    <lake>/<venue>/instruments.parquet

Nothing is filled, snapped or smoothed here: what a panel makes of a bad row is decided when one is
compiled. Writing is for one process at a time; a reader always finds whole parts.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

import polars as pl

from xsmom.domain.market_data import Instrument
from xsmom.errors import DataError, OutputError
from xsmom.lake import instruments
from xsmom.lake.commit import COMMIT, Staging
from xsmom.lake.layout import find_parts, find_series, instruments_path, part_path
from xsmom.lake.lock import FileLock
from xsmom.lake.merge import Merged, compare, conform, merge_rows, refuse_outside, split_rows
from xsmom.lake.part import (
    AGAIN,
    Manifest,
    empty_rows,
    encode,
    hash_rows,
    read_manifest,
    read_part,
    read_parts,
    split_parts,
)
from xsmom.lake.series import Hole, Kind, SeriesInfo, SeriesKey, Source
from xsmom.lake.spans import Span, difference, split_by_year, union, year_of
from xsmom.lake.telling import telling

VERSION = 1
MARKER = "lake.json"
LOCK = ".lock"

Replace = bool | Literal["told"]


class Lake:
    """A folder of market data; made by `Lake.open`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = FileLock(root / LOCK, f"the lake {root}")
        self._staging = Staging(root)
        self._writers = 0
        self._batches = 0

    @classmethod
    def open(cls, root: str | Path, *, create: bool = False) -> Self:
        """Open the lake of a folder; `create` makes one where nothing is."""
        root = Path(root)
        if create and not (root / MARKER).exists():
            _create(root)
        _check_marker(root)
        lake = cls(root)
        lake._finish_commit()
        return lake

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the one process that writes; what a killed one left is put in order first. May be nested."""
        if not self._writers:
            self._lock.acquire(exclusive=True)
        self._writers += 1
        try:
            if self._writers == 1:
                self._staging.recover()
            yield
        finally:
            self._writers -= 1
            if not self._writers:
                self._lock.release()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep writers out while several series are read that must fit together."""
        if self._lock.held or not self._prepare_lock_file():
            yield
            return
        self._lock.acquire(exclusive=False)
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is merged inside comes into its place together, or not at all. May be nested."""
        with self.writing():
            self._batches += 1
            try:
                yield
                if self._batches == 1:
                    self._staging.commit()
            except BaseException:
                if self._batches == 1:
                    self._staging.discard()
                raise
            finally:
                self._batches -= 1

    def keys(self, venue: str | None = None, kind: Kind | None = None, timeframe: str | None = None) -> list[SeriesKey]:
        """Every series that has a part, sorted."""
        return sorted(find_series(self.root, venue, kind, timeframe))

    def info(self, key: SeriesKey) -> SeriesInfo:
        """What is known of a series, from the footers of its parts alone; of an unknown one, nothing."""
        parts = [(read_manifest(path, key, year), path) for year, path in self.part_paths(key).items()]
        return _join_parts(key, parts)

    def load(self, key: SeriesKey) -> tuple[SeriesInfo, pl.DataFrame]:
        """`info` and all of `read`, from one look at each part."""
        paths = self.part_paths(key)
        if not paths:
            raise self._unknown(key)
        manifests, rows = read_parts(paths, key)
        return _join_parts(key, list(zip(manifests, paths.values(), strict=True))), rows

    def read(self, key: SeriesKey, start_ms: int | None = None, end_ms: int | None = None) -> pl.DataFrame:
        """The rows with `start_ms <= stamp < end_ms`, rising, as their source told them."""
        years = self.part_paths(key)
        if not years:
            raise self._unknown(key)
        first = year_of(start_ms) if start_ms is not None else min(years)
        last = year_of(end_ms) if end_ms is not None else max(years)
        inside = {year: path for year, path in years.items() if first <= year <= last}
        rows = read_parts(inside, key)[1] if inside else empty_rows(key)
        if start_ms is not None:
            rows = rows.filter(pl.col(key.stamp) >= start_ms)
        if end_ms is not None:
            rows = rows.filter(pl.col(key.stamp) < end_ms)
        return rows

    def load_verified(self, key: SeriesKey) -> tuple[tuple[SeriesInfo, pl.DataFrame] | None, list[str]]:
        """`load` if every part is what was written; else one sentence for each that is not."""
        paths = self.part_paths(key)
        try:
            manifests, rows = read_parts(paths, key)
        except DataError:
            return None, self.verify(key)
        if any(hash_rows(part) != manifest.content_sha256 for manifest, part in split_parts(manifests, rows)):
            return None, self.verify(key)
        return (_join_parts(key, list(zip(manifests, paths.values(), strict=True))), rows), []

    def verify(self, key: SeriesKey) -> list[str]:
        """Read a series part by part and hash its rows; one sentence for each that is not what was written."""
        faults = []
        for year, path in self.part_paths(key).items():
            try:
                manifest, rows = read_part(path, key, year)
            except DataError as error:
                faults.append(str(error))
                continue
            if hash_rows(rows) != manifest.content_sha256:
                faults.append(f"{path} is not what was written (sha256 differs): {AGAIN}")
        return faults

    def part_paths(self, key: SeriesKey) -> dict[int, Path]:
        """The files of a series by UTC year."""
        return find_parts(self.root, key)

    def merge(
        self, key: SeriesKey, rows: pl.DataFrame, *, covered: Span | None, source: Source, replace: Replace
    ) -> Merged:
        """Add rows, on the disk when this returns.

        `covered` is the range for which the source has told everything. Rows that are there already are
        not stored again. A stamp that comes with other values is kept beside the old one; with `replace`
        the old rows inside `covered` make way, with "told" only those of the told stamps. Each call
        writes the touched years anew.
        """
        if replace is True and covered is None:
            raise DataError(f"{key}: rows can be replaced only inside a range that was covered")
        rows = conform(key, rows)
        if covered is not None and replace is True:
            refuse_outside(key, rows, covered)
        pieces = split_rows(key, rows)
        spans = dict(split_by_year(covered)) if covered is not None else {}
        years = sorted({*pieces, *spans})
        with self.batch():
            done = [
                self._merge_part(key, year, pieces.get(year, empty_rows(key)), spans.get(year), source, replace=replace)
                for year in years
            ]
        return Merged(*(sum(counts) for counts in zip(*done, strict=True))) if done else Merged(0, 0, 0)

    def note_hole(self, key: SeriesKey, span: Span, why: str) -> None:
        """Remember that a range was asked for and not answered; rows that cover it clear it."""
        with self.batch():
            for year, piece in split_by_year(span):
                manifest, rows = self._load(key, year)
                missing = difference([piece], manifest.covered)
                others = _cut_holes(manifest.holes, piece)
                holes = _join_holes([*others, *(Hole(left, why) for left in missing)])
                if holes != manifest.holes:
                    self._store(dataclasses.replace(manifest, holes=holes), rows)

    def write_instruments(self, venue: str, told: Sequence[Instrument], seen_ms: int) -> int:
        """Store each specification that is new or differs from the newest one; how many those were."""
        path = instruments_path(self.root, venue)
        with self.batch():
            rows, changed = instruments.append(self._staging.current(path), told, seen_ms)
            if changed:
                self._staging.put(path, partial(instruments.encode, rows))
        return changed

    def instruments(self, venue: str, at_ms: int | None = None) -> pl.DataFrame:
        """The specification of each symbol as it was known at `at_ms`, or newest; empty where none is."""
        return instruments.latest(self.instrument_history(venue), at_ms)

    def instrument_history(self, venue: str) -> pl.DataFrame:
        """Every specification ever seen, one row where it changed, by symbol and `seen_ms`."""
        return instruments.read(self._staging.current(instruments_path(self.root, venue)))

    def strangers(self) -> list[Path]:
        """Files that the lake did not put where they lie."""
        known = {self.root / name for name in (MARKER, LOCK, COMMIT)}
        known |= {path for key in self.keys() for path in self.part_paths(key).values()}
        known |= {instruments_path(self.root, entry.name) for entry in self.root.iterdir()}
        files = [path for path in self.root.rglob("*") if not path.is_dir() and path not in known]
        hidden = {path for path in files if any(part.startswith(".") for part in path.relative_to(self.root).parts)}
        return sorted({*files} - hidden)

    def _finish_commit(self) -> None:
        """Put in place what a killed writer had begun to, unless one is at it now or nothing can be written."""
        if not (self._staging.interrupted and os.access(self.root, os.W_OK)) or not self._lock.try_exclusive():
            return
        try:
            self._staging.recover()
        finally:
            self._lock.release()

    def _merge_part(
        self, key: SeriesKey, year: int, told: pl.DataFrame, span: Span | None, source: Source, *, replace: Replace
    ) -> Merged:
        old, rows = self._load(key, year)
        known, differing = compare(key, rows, told)
        merged, revised = merge_rows(key, rows, told, span if replace is True else replace or None)
        covered = old.covered if span is None else union([*old.covered, span])
        holes = old.holes if span is None else _cut_holes(old.holes, span)
        changed = dataclasses.replace(old, covered=covered, holes=holes, revised_rows=old.revised_rows + revised)
        new = changed.of(merged)
        if new != old or not any(source.same_as(other) for other in old.sources):
            self._store(dataclasses.replace(new, sources=_join_sources([*old.sources, source])), merged)
        return Merged(len(merged) - len(rows) + revised, known, differing)

    def _load(self, key: SeriesKey, year: int) -> tuple[Manifest, pl.DataFrame]:
        path = self._staging.current(part_path(self.root, key, year))
        if path.exists():
            return read_part(path, key, year)
        rows = empty_rows(key)
        return Manifest(key, year).of(rows), rows

    def _store(self, manifest: Manifest, rows: pl.DataFrame) -> None:
        path = part_path(self.root, manifest.key, manifest.year)
        self._staging.put(path, partial(encode, manifest, rows))

    def _unknown(self, key: SeriesKey) -> DataError:
        return DataError(f"the lake {self.root} has no {key}: `xsmom data ls` shows what it has")

    def _prepare_lock_file(self) -> bool:
        """Whether there is a file to lock; in a folder where none can be made, nobody writes either."""
        path = self.root / LOCK
        try:
            path.touch(exist_ok=True)
        except OSError:
            return path.exists()
        return True


def _join_parts(key: SeriesKey, parts: Sequence[tuple[Manifest, Path]]) -> SeriesInfo:
    """What the manifests of all parts say together."""
    told = [manifest for manifest, _ in parts]
    with_rows = [part for part in told if part.rows]
    digests = {part.year: part.content_sha256 for part in told}
    return SeriesInfo(
        key=key,
        rows=sum(part.rows for part in told),
        first_ms=with_rows[0].first_ms if with_rows else None,
        last_ms=with_rows[-1].last_ms if with_rows else None,
        covered=union(span for part in told for span in part.covered),
        holes=_join_holes([hole for part in told for hole in part.holes]),
        sources=_join_sources([source for part in told for source in part.sources]),
        revised_rows=sum(part.revised_rows for part in told),
        bytes=sum(path.stat().st_size for _, path in parts),
        content_sha256=sha256("".join(f"{year}:{digest};" for year, digest in digests.items()).encode()).hexdigest(),
        part_sha256=digests,
    )


def is_lake(path: Path) -> bool:
    """Whether the folder is marked as a lake, of whatever version."""
    return (path / MARKER).is_file()


def _create(root: Path) -> None:
    """Mark an empty folder as a lake."""
    with telling(root, OutputError):
        root.mkdir(parents=True, exist_ok=True)
        others = [entry.name for entry in root.iterdir() if not entry.name.startswith(".")]
    if others:
        raise OutputError(f"{root} holds other files ({min(others)}): give a new or empty folder for the lake")
    staging = Staging(root)
    text = json.dumps({"what": "xsmom lake", "version": VERSION}) + "\n"
    staging.put(root / MARKER, text.encode)
    staging.commit()


def _check_marker(root: Path) -> None:
    marker = root / MARKER
    if not marker.exists():
        what = "is no lake" if root.exists() else "is not there"
        raise DataError(f"{root} {what}: `xsmom data import` or `xsmom data download` make one")
    with telling(marker, DataError):
        text = marker.read_bytes()
    try:
        version = json.loads(text)["version"]
    except (KeyError, TypeError, ValueError):
        version = None
    if type(version) is not int:
        raise DataError(f"{marker} cannot be understood: it should hold {json.dumps({'version': VERSION})}")
    if version > VERSION:
        raise DataError(f"the lake {root} has layout {version}, this xsmom reads up to {VERSION}: upgrade xsmom")


def _cut_holes(holes: Sequence[Hole], span: Span) -> tuple[Hole, ...]:
    return tuple(Hole(left, hole.why) for hole in holes for left in difference([hole.span], [span]))


def _join_holes(holes: Sequence[Hole]) -> tuple[Hole, ...]:
    """Sorted; pieces of one reason that touch are one."""
    reasons = dict.fromkeys(hole.why for hole in holes)
    joined = [Hole(span, why) for why in reasons for span in union(hole.span for hole in holes if hole.why == why)]
    return tuple(sorted(joined))


def _join_sources(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Each origin once, as it was read last."""
    newest: dict[tuple[str, str, str | None], Source] = {}
    for source in sources:
        newest.pop((*source[:2], source.sha256), None)
        newest[source.what, source.origin, source.sha256] = source
    return tuple(newest.values())
