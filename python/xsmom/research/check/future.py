"""Does anything up to bar t hang on what came after it, or on where history began?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import CELL_FIELDS, Panel
from xsmom.domain.stamps import format_ms
from xsmom.research.check.subject import Subject

Floats = NDArray[np.float64]
Spoil = Callable[[Panel, int, np.random.Generator], Panel]


class Gap(NamedTuple):
    """The greatest difference that was found, and where."""

    size: float
    where: str = ""


def truncate(panel: Panel, rows: int, _rng: np.random.Generator) -> Panel:
    """The data end after `rows` bars."""
    return panel.slice(0, rows)


def blank(panel: Panel, rows: int, _rng: np.random.Generator) -> Panel:
    """Nothing is known from bar `rows` on."""
    return _rebuild(panel, rows, lambda cells: np.full_like(cells, np.nan))


def disturb(panel: Panel, rows: int, rng: np.random.Generator) -> Panel:
    """From bar `rows` on it is another market."""
    shape = panel.close[rows:].shape
    scale = np.exp(rng.normal(0.0, 0.5, shape))
    changed = _rebuild(panel, rows, lambda cells: cells * scale)
    funding = np.concatenate([panel.funding_frac[:rows], rng.normal(0.0, 1e-3, shape)])
    return replace(changed, funding_frac=funding)


def _rebuild(panel: Panel, rows: int, change: Callable[[Floats], Floats]) -> Panel:
    cells = {name: getattr(panel, name) for name in CELL_FIELDS}
    changed: dict[str, Any] = {name: np.concatenate([old[:rows], change(old[rows:])]) for name, old in cells.items()}
    return replace(panel, known_hash="", **changed)


def choose_rows(decided: Floats, first: int, count: int, rng: np.random.Generator) -> list[int]:
    """Bars at which something was newly decided, spread over the panel.

    A look ahead by one bar at a bar of no decision would go unseen.
    """
    moved = np.flatnonzero((np.diff(np.nan_to_num(decided), axis=0) != 0).any(axis=1)) + 1
    usable = moved[(moved >= first) & (moved < len(decided) - 1)]
    if not len(usable):
        usable = np.arange(min(first, len(decided) - 2), len(decided) - 1)
    parts = np.array_split(usable, min(count, len(usable)))
    return [int(rng.choice(part)) for part in parts]


def compare_past(
    subject: Subject, panel: Panel, whole: dict[str, Floats], rows: list[int], spoil: Spoil, rng: np.random.Generator
) -> Iterator[Gap]:
    """For each bar of `rows`: spoil what comes after it, decide again, and compare up to it."""
    for t in rows:
        found = subject.decisions(spoil(panel, t + 1, rng))
        yield max((difference(name, cells[: t + 1], found[name][: t + 1], panel, 0) for name, cells in whole.items()))


def compare_beginnings(subject: Subject, panel: Panel, rows: list[int], warmup: int, more: int) -> Iterator[Gap]:
    """For each bar of `rows`: what it rests on with just the warm-up before it, and with more."""
    for t in rows:
        late = t + 1 - warmup
        short, long = subject.settled(panel, t, late), subject.settled(panel, t, max(0, late - more))
        yield max(difference(name, cells, short[name], panel, t) for name, cells in long.items())


def difference(name: str, wanted: Floats, found: Floats, panel: Panel, first: int) -> Gap:
    """Greatest difference of two arrays with a row a bar; unknown on one side only is infinitely far."""
    if np.array_equal(wanted, found, equal_nan=True):
        return Gap(0.0)
    unlike = np.isnan(wanted) != np.isnan(found)
    with np.errstate(invalid="ignore"):
        apart = np.where(unlike, np.inf, np.nan_to_num(np.abs(wanted - found)))
    place = np.unravel_index(int(apart.argmax()), apart.shape)
    of = f" of {panel.symbols[int(place[-1])]}" if len(place) > 1 else ""
    at = format_ms(int(panel.close_ms[first + int(place[0])]))
    return Gap(float(apart[place]), f"{name}{of} at {at}: {wanted[place]:.6g}, and {found[place]:.6g}")
