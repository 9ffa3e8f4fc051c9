"""Runs that lie in folders: read back, and held against one another."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.timeframe import DAY_MS
from xsmom.errors import DataError
from xsmom.research import statistics

Floats = NDArray[np.float64]

COVERAGE = 0.90
_DRAWS = 4_000
_DAYS_MIN = 20
# Returns are ratios of equity, less 1: a spread as small as this is the rounding of those.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class StoredRun:
    """What `xsmom backtest` left behind."""

    folder: Path
    document: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's own name, as it was given."""
        return str(self.folder)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Every figure; one that was undefined is NaN again."""
        found: dict[str, Any] = _numbers(self.document["metrics"])
        return found

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting in force, by dotted name."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        path = self.folder / "config.yaml"
        try:
            written = YAML(typ="safe").load(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, YAMLError):
            raise DataError(f"{path} cannot be read as a configuration: run the backtest again") from None
        return dict(_flatten(written or {}, ""))

    @cached_property
    def equity(self) -> tuple[NDArray[np.int64], Floats]:
        """Closes in UTC milliseconds, and equity at each."""
        path = self.folder / "equity.csv"
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = [(row["close"].rstrip("Z"), float(row["equity_usdt"])) for row in csv.DictReader(file)]
            at_ms = np.array([close for close, _ in rows], dtype="datetime64[ms]").astype(np.int64)
        except (OSError, KeyError, ValueError):
            raise DataError(f"{path} is not the curve of a run: run the backtest again") from None
        if not len(at_ms):
            raise DataError(f"{path} holds no bar: run the backtest again")
        return at_ms, np.array([value for _, value in rows])

    @cached_property
    def daily(self) -> tuple[NDArray[np.int64], Floats]:
        """Days since 1970, and the net return of each; a close at midnight ends the day before it."""
        at_ms, equity = self.equity
        day = (at_ms - 1) // DAY_MS
        last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
        ends = np.concatenate([[float(self.document["timing"]["cash_usdt"])], equity[last]])
        change = np.divide(ends[1:], ends[:-1], out=np.ones(len(last)), where=ends[:-1] > 0) - 1.0
        return day[last], change


def read_run(folder: Path) -> StoredRun:
    """Open a run folder."""
    path = folder / "result.json"
    if (folder / "sweep.json").is_file():
        raise DataError(
            f"{folder} is a sweep: run one of its configurations by `xsmom backtest --fast`, and name that run"
        )
    if not path.is_file():
        raise DataError(f"{folder} is no run folder, it has no result.json: `xsmom backtest --fast` writes one")
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; run the backtest again") from None
    missing = {"metrics", "panel", "config", "timing"} - set(document)
    if missing:
        raise DataError(f"{path} has no {min(missing)}: it is not what a backtest writes")
    return StoredRun(folder, document)


def differing_settings(runs: Sequence[StoredRun]) -> dict[str, list[Any]]:
    """Settings that are not the same in all runs, key by key; None where a run has no such key."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    rows = {key: [run.settings.get(key) for run in runs] for key in keys}
    return {key: values for key, values in rows.items() if any(value != values[0] for value in values)}


def unlike_markets(runs: Sequence[StoredRun]) -> list[str]:
    """Sentences that say where runs did not see the same market: their figures cannot be set side by side."""
    first, found = runs[0], []
    for run in runs[1:]:
        one, other = first.document["panel"], run.document["panel"]
        if one["hash"] == other["hash"]:
            continue
        spans = [f"{panel['first_close']} to {panel['last_close']}" for panel in (one, other)]
        if spans[0] != spans[1]:
            found.append(f"{run.name} covers {spans[1]}, {first.name} {spans[0]}: not the same period")
        else:
            found.append(
                f"{run.name} and {first.name} ran on different data of the same period "
                f"(panel hash {other['hash'][:8]}, not {one['hash'][:8]})"
            )
    return found


@dataclass(frozen=True)
class Difference:
    """Daily returns of one run less those of another on the days that both have."""

    days: int
    mean_year_frac: float
    low: float
    high: float
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    correlation: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the mean leaves 0 out."""
        return self.low > 0.0 or self.high < 0.0


def compare_days(base: StoredRun, other: StoredRun, seed: int = 0) -> Difference:
    """Paired stationary bootstrap of `other` less `base`: both are drawn on the same days."""
    (day, one), (also, two) = base.daily, other.daily
    common, left, right = np.intersect1d(day, also, return_indices=True)
    if len(common) < _DAYS_MIN:
        raise DataError(
            f"{base.name} and {other.name} share {len(common)} days: a comparison of their days wants {_DAYS_MIN}"
        )
    pair = np.stack([one[left], two[right]])
    block = max(5.0, float(np.cbrt(len(common))))
    places = statistics.stationary_indices(len(common), block, _DRAWS, seed)
    means, ratios = [], []
    for start in range(0, _DRAWS, 500):  # in parts, so that long runs stay small in memory
        drawn = pair[:, places[start : start + 500]]
        means.append(drawn.mean(axis=2))
        spread = drawn.std(axis=2, ddof=1)
        ratios.append(np.divide(means[-1], spread, out=np.zeros_like(spread), where=spread > _ROUNDING))
    year = statistics.DAYS_A_YEAR
    gain = np.concatenate([two_ - one_ for one_, two_ in means]) * year
    lift = np.concatenate([two_ - one_ for one_, two_ in ratios]) * np.sqrt(year)
    tails = [(1.0 - COVERAGE) / 2.0, (1.0 + COVERAGE) / 2.0]
    low, high, sharpe_low, sharpe_high = (float(edge) for drawn in (gain, lift) for edge in np.quantile(drawn, tails))
    spread = pair.std(axis=1, ddof=1)
    sharpe = [
        mean / wide * year**0.5 if wide > _ROUNDING else 0.0
        for mean, wide in zip(pair.mean(axis=1), spread, strict=True)
    ]
    alike = float(np.asarray(np.corrcoef(pair))[0, 1]) if (spread > _ROUNDING).all() else float("nan")
    mean = float((pair[1] - pair[0]).mean() * year)
    told = (low, high, float(sharpe[1] - sharpe[0]), sharpe_low, sharpe_high)
    return Difference(len(common), mean, *told, alike)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbers(item) for name, item in value.items()}
    return float("nan") if value is None else value


def _flatten(section: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in section.items():
        if isinstance(value, dict):
            found += _flatten(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found
