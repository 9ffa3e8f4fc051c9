"""All checks one after another, and what each of them found."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xsmom.config.meaning import Timing
from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.panel import Panel
from xsmom.errors import ConfigError, DataError
from xsmom.research.check import account, chance, future
from xsmom.research.check.subject import ConfigSubject, Subject, Weights, make_subject

if TYPE_CHECKING:
    import polars as pl

CHECKS = ("future", "warm-up", "account", "shuffled")
"""Groups of checks; `only` takes some of them."""

# Five chances in ten thousand of a false alarm.
ERRORS_MAX = 3.5
ROUNDING = 1e-9
_CUTS = 6
_SHUFFLES = 6
_MORE_HISTORY_BARS = 1_000
_WARMUP_BARS_MAX = 2_000
_BARS_MIN = 10

Progress = Callable[[int, int], None]
_SPOILS: tuple[tuple[str, str, future.Spoil], ...] = (
    ("truncation", "the data end there", future.truncate),
    ("blanked future", "every later cell is unknown", future.blank),
    ("poisoned future", "every later cell is noise", future.disturb),
)


@dataclass(frozen=True)
class Finding:
    """What one check measured, what it tolerates, and what that means."""

    check: str
    passed: bool
    measured: float
    tolerance: float
    unit: str
    sentence: str


@dataclass(frozen=True)
class Examination:
    """The findings about one subject on one panel."""

    subject: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What did not pass."""
        return tuple(finding for finding in self.findings if not finding.passed)

    def document(self) -> list[dict[str, Any]]:
        """Plain values, one mapping a check; a measure without bounds is null."""
        rows = [asdict(finding) for finding in self.findings]
        return [row | {"measured": row["measured"] if np.isfinite(row["measured"]) else None} for row in rows]

    def frame(self) -> pl.DataFrame:
        """One row a check."""
        import polars as pl

        return pl.DataFrame([asdict(finding) for finding in self.findings])

    def __str__(self) -> str:
        lines = [f"{'pass' if f.passed else 'FAIL'}  {f.check}: {f.sentence}" for f in self.findings]
        return "\n".join(lines)


def examine(
    panel: Panel,
    what: Resolved | Weights,
    *,
    costs: Costs,
    timing: Timing,
    warmup_bars: int | None = None,
    only: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Examination:
    """Examine a configuration, or a function from a panel to weights, on this panel.

    `warmup_bars` tells how far a function looks back, its own bar included; without it the check takes
    2,000 bars or half the panel. What a function returns must be its own decision alone: it is called
    with panels that are cut, spoiled and shuffled, some twenty times.
    """
    wanted = CHECKS if only is None else tuple(only)
    for name in wanted:
        if name not in CHECKS:
            raise ConfigError(f"{name!r} is no group of checks: choose from {', '.join(CHECKS)}")
    if panel.bars < _BARS_MIN:
        raise DataError(f"the panel has {panel.bars} bars: an examination wants {_BARS_MIN} at least")
    subject = make_subject(what, panel, timing, costs, warmup_bars)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = tuple(_Exam(panel, subject, wanted, seed, progress).findings())
    return Examination(subject.name, found)


class _Exam:
    """The order of the checks, and how far they are."""

    def __init__(
        self, panel: Panel, subject: Subject, wanted: tuple[str, ...], seed: int, progress: Progress | None
    ) -> None:
        self.panel, self.subject, self.wanted = panel, subject, wanted
        self.rng = np.random.default_rng(seed)
        self.progress = progress
        counts = {"future": _CUTS * len(_SPOILS), "warm-up": _CUTS, "account": 4, "shuffled": _SHUFFLES}
        self.done, self.total = 0, 1 + sum(counts[name] for name in wanted)

    def findings(self) -> Iterator[Finding]:
        self.whole = self.subject.decisions(self.panel)
        self.decided = self.whole["weights"] if "weights" in self.whole else self.whole["decided units"]
        self._tell()
        yield self._traded()
        groups = {"future": self._future, "warm-up": self._warmup, "account": self._account, "shuffled": self._shuffled}
        for name in self.wanted:
            yield from groups[name]()

    def _tell(self, steps: int = 1) -> None:
        self.done = min(self.done + steps, self.total)
        if self.progress is not None:
            self.progress(self.done, self.total)

    def _counted(self, gaps: Iterator[future.Gap]) -> future.Gap:
        worst = future.Gap(0.0)
        for gap in gaps:
            worst = max(worst, gap)
            self._tell()
        return worst

    def _rows(self, first: int) -> list[int]:
        return future.choose_rows(self.decided, first, _CUTS, self.rng)

    def _traded(self) -> Finding:
        moves = int((np.diff(np.nan_to_num(self.decided), axis=0, prepend=0.0) != 0).any(axis=1).sum())
        told = f"Something was newly decided at {moves:,} of {self.panel.bars:,} bars."
        if not moves:
            told = "Nothing was ever decided: the checks below have nothing to look at, and prove nothing."
        return Finding("decisions", moves > 0, float(moves), 1.0, "bars, at least", told)

    def _future(self) -> Iterator[Finding]:
        rows = self._rows(min(self.subject.warmup_bars or self.panel.bars // 4, self.panel.bars - 2))
        for name, how, spoil in _SPOILS:
            gaps = future.compare_past(self.subject, self.panel, self.whole, rows, spoil, self.rng)
            worst = self._counted(gaps)
            passed = worst.size <= self.subject.tolerance
            told = f"At {len(rows)} bars of decision {how}: nothing up to them changes."
            if not passed:
                told = f"The past changes when {how}: {worst.where}. Something looks ahead."
            yield Finding(name, passed, worst.size, self.subject.tolerance, "greatest difference", told)

    def _warmup(self) -> Iterator[Finding]:
        panel = self.panel
        given = self.subject.warmup_bars
        warmup = min(_WARMUP_BARS_MAX, panel.bars // 2) if given is None else given
        if warmup > panel.bars - 2:
            raise DataError(
                f"the panel has {panel.bars:,} bars and {warmup:,} are warm-up: give a longer panel, or leave it out"
            )
        rows = [max(t, warmup) for t in self._rows(warmup)]
        worst = self._counted(future.compare_beginnings(self.subject, panel, rows, warmup, _MORE_HISTORY_BARS))
        passed = worst.size <= self.subject.tolerance
        told = f"With {warmup:,} bars of history a decision rests on the same as with {_MORE_HISTORY_BARS:,} more."
        if not passed:
            told = (
                f"What is decided hangs on where history begins, beyond {warmup:,} bars: {worst.where}. "
                "Live trading would begin elsewhere than the backtest."
            )
        yield Finding("warm-up", passed, worst.size, self.subject.tolerance, "greatest difference", told)

    def _account(self) -> Iterator[Finding]:
        panel, subject = self.panel, self.subject
        books = subject.run(panel, subject.costs)
        self._tell()
        gap = account.identity_gap(panel, books)
        told = "Equity is cash, plus what is held at the marks, less every cost, at every close."
        yield _within("account adds up", gap, ROUNDING, told)
        told = "No line of costs ever falls; only funding may come in, and a maker's rebate."
        yield _within("costs never negative", account.least_step(books, subject.costs), ROUNDING, told)
        free = account.free_gap(subject.run(panel, Costs.free()))
        self._tell()
        yield _within("no costs, none charged", free, 0.0, "With every cost at zero nothing is charged.")
        single, double = (subject.run(panel, costs) for costs in (account.ONLY_FEES, account.DOUBLE_FEES))
        self._tell()
        told = "A dollar traded is charged the fee asked for, and twice that at twice the fee."
        yield _within("fees double", account.fee_rate_gap(single, double), ROUNDING, told, "relative")
        if isinstance(subject, ConfigSubject):
            gap, fills = account.same_fills_gap(subject, panel)
            told = f"Over the same {fills:,} fills the fee line doubles."
            yield _within("fee line doubles", gap if fills else np.inf, ROUNDING, told, "relative")
        self._tell()

    def _shuffled(self) -> Iterator[Finding]:
        tries = []
        for _ in range(_SHUFFLES):
            tries.append(chance.try_luck(self.subject, chance.shuffle_names(self.panel, self.rng)))
            self._tell()
        luck = chance.pool(tries)
        passed = abs(luck.errors) <= ERRORS_MAX
        told = (
            f"With the names' moves dealt out anew ({_SHUFFLES} times) it made {luck.net_frac:+.2%} (returns of all "
            f"bars added up): costs {-luck.cost_frac:+.2%}, the market's own drift {luck.market_frac:+.2%}, and luck."
        )
        if not passed:
            told += f" But what is left, {luck.net_frac + luck.cost_frac - luck.market_frac:+.2%}, is more than luck."
        yield Finding("shuffled names", passed, luck.errors, ERRORS_MAX, "standard errors", told)


def _within(name: str, gap: float, tolerance: float, told: str, unit: str = "share of the account") -> Finding:
    passed = gap <= tolerance
    return Finding(name, passed, gap, tolerance, unit, told if passed else f"This does not hold: {told}")
