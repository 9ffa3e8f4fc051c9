"""Files into the lake: first all are understood, then each is merged whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xsmom.errors import DataError, XsmomError
from xsmom.lake.imports.files import find_files, read_tables
from xsmom.lake.imports.plan import Plan, Shape, plan_table
from xsmom.lake.imports.wide import WideTable, as_wide, plan_wide
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.series import Kind, SeriesKey, Source
from xsmom.lake.spans import Span
from xsmom.lake.store import Lake

_DIFFERING_MIN, _DIFFERING_SHARE_MAX = 20, 0.2  # of the stamps that both have; above it they are two markets
_ROWS_KEPT = 4_000_000  # rows of plans that stay in memory; what is beyond is read a second time

Tell = Callable[[int, int], None]


@dataclass
class Refusal:
    """Files that were not taken, and why."""

    paths: tuple[Path, ...]
    error: XsmomError


@dataclass
class Digest:
    """What all tables of one shape are together."""

    shape: Shape
    origins: list[str] = field(default_factory=list)
    symbols: set[str] = field(default_factory=set)
    rows: int = 0
    first_ms: int = 0
    last_ms: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    def add(self, plan: Plan) -> None:
        """Count one more table."""
        first_ms, last_ms = plan.ends_ms
        self.first_ms = min(first_ms, self.first_ms) if self.origins else first_ms
        self.last_ms = max(last_ms, self.last_ms)
        self.origins.append(plan.origin)
        self.symbols |= {key.symbol for key in plan.series}
        self.rows += plan.rows
        for note in plan.notes:
            self.note(note)

    def note(self, text: str) -> None:
        """Remember a sentence, and how often it was said."""
        self.notes[text] = self.notes.get(text, 0) + 1


@dataclass
class _Unit:
    """What is merged together: a file, or the files of a wide set."""

    paths: tuple[Path, ...]
    plans: list[Plan] | None


class Intake:
    """The files of one command."""

    def __init__(self, paths: Sequence[Path], wishes: Wishes, *, replace: bool = False) -> None:
        self._files = find_files(paths)
        self._wishes, self._replace = wishes, replace
        self.added_rows = 0
        self._units: list[_Unit] = []
        self._set_end_ms: dict[tuple[str, Kind, str], int] = {}
        self.refused: list[Refusal] = []
        self.digests: dict[Shape, Digest] = {}

    @property
    def files(self) -> int:
        """Files found."""
        return len(self._files)

    def understand(self, tell: Tell) -> None:
        """Read every file and say what it is; nothing is written."""
        wide: dict[Path, list[tuple[Path, WideTable]]] = {}
        kept = 0
        for done, path in enumerate(self._files):
            tell(done, len(self._files))
            try:
                plans, parts = _plan_file(path, self._wishes)
            except XsmomError as error:
                self.refused.append(Refusal((path,), error))
                continue
            wide.setdefault(path.parent, []).extend((path, one) for one in parts)
            kept += self._add((path,), plans, kept) if plans else 0
        for tables in wide.values():
            paths = tuple(dict.fromkeys(path for path, _ in tables))
            if not tables:
                continue
            try:
                plan = plan_wide([one for _, one in tables], self._wishes)
            except XsmomError as error:
                self.refused.append(Refusal(paths, error))
            else:
                self._add(paths, [plan], 0)
        tell(len(self._files), len(self._files))

    def write(self, lake: Lake, at_ms: int, tell: Tell) -> Iterator[tuple[Path, ...]]:
        """Merge what was understood; gives the files of each unit when it is on the disk."""
        for done, unit in enumerate(self._units):
            tell(done, len(self._units))
            try:
                self._write_unit(lake, unit, at_ms)
            except DataError as error:
                self.refused.append(Refusal(unit.paths, error))
                continue
            yield unit.paths
        tell(len(self._units), len(self._units))

    def _write_unit(self, lake: Lake, unit: _Unit, at_ms: int) -> None:
        plans = unit.plans or _plan_file(unit.paths[0], self._wishes)[0]
        with lake.batch():
            for plan in plans:
                self._merge(lake, plan, at_ms)

    def _add(self, paths: tuple[Path, ...], plans: list[Plan], kept: int) -> int:
        rows = sum(plan.rows for plan in plans)
        for plan in plans:
            self.digests.setdefault(plan.shape, Digest(plan.shape)).add(plan)
            if len(plan.series) == 1:
                group = _group(plan)
                self._set_end_ms[group] = max(plan.ends_ms[1], self._set_end_ms.get(group, 0))
        again = len(paths) == 1 and kept + rows > _ROWS_KEPT
        self._units.append(_Unit(paths, None if again else plans))
        return 0 if again else rows

    def _merge(self, lake: Lake, plan: Plan, at_ms: int) -> None:
        # A file of many symbols is a set by itself; files of one symbol each are one set together.
        end_ms = self._set_end_ms[_group(plan)] if len(plan.series) == 1 else plan.ends_ms[1]
        source = Source("import", plan.origin, at_ms, plan.sha256, end_ms)
        known = differing = added = 0
        for key, rows in plan.series.items():
            done = lake.merge(
                key, rows, covered=_covered(key, plan), source=source, replace="told" if self._replace else False
            )
            added, known, differing = added + done.added, known + done.known, differing + done.differing
        if not self._replace and differing > max(_DIFFERING_MIN, _DIFFERING_SHARE_MAX * known):
            raise DataError(
                f"{plan.origin} tells {differing:,} of {known:,} stamps otherwise than the lake, so it is of another "
                "market: give it a --venue of its own, or --replace if it is the better source"
            )
        self.added_rows += added
        if differing and not self._replace:
            self.digests[plan.shape].note(f"{differing:,} stamps are in the lake with other values: both are kept")


def _plan_file(path: Path, wishes: Wishes) -> tuple[list[Plan], list[WideTable]]:
    plans: list[Plan] = []
    wide: list[WideTable] = []
    for table in read_tables(path):
        part = as_wide(table, wishes)
        if part is not None:
            wide.append(part)
        else:
            plans.append(plan_table(table, wishes))
    return plans, wide


def _group(plan: Plan) -> tuple[str, Kind, str]:
    return plan.shape.venue, plan.shape.kind, plan.shape.timeframe


def _covered(key: SeriesKey, plan: Plan) -> Span:
    """From the first row to the end of the last bar. A print covers its own instant alone."""
    stamps = plan.series[key].to_series(0)
    return Span(int(stamps[0]), int(stamps[-1]) + (key.bar_ms or 1))
