"""How verdicts are noted: runs of marked rows become findings, and findings are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from xsmom.lake.rules import RULES, Finding, Severity

Mask = NDArray[np.bool_]
Stamps = NDArray[np.int64]


def find_runs(mask: Mask) -> list[tuple[int, int]]:
    """First and last place of each unbroken run of True."""
    if not mask.any():  # the usual case, and there are many rules
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def note_runs(symbol: str, rule: str, stamps: Stamps, mask: Mask, detail: str) -> list[Finding]:
    """One finding for each run of marked rows."""
    return [
        Finding(symbol, rule, int(stamps[first]), int(stamps[last]), last - first + 1, detail)
        for first, last in find_runs(mask)
    ]


def note_all(symbol: str, rule: str, stamps: Stamps, mask: Mask, detail: str) -> list[Finding]:
    """One finding for all marked rows together, where each alone would say nothing."""
    at = np.flatnonzero(mask)
    if not at.size:
        return []
    return [Finding(symbol, rule, int(stamps[at[0]]), int(stamps[at[-1]]), int(at.size), detail)]


def count_by_rule(findings: Iterable[Finding]) -> dict[str, tuple[int, int, int]]:
    """Findings, symbols and rows of each rule that found something, in the table's order."""
    found: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    symbols: dict[str, set[str]] = {}
    for finding in findings:
        found[finding.rule] += 1
        rows[finding.rule] += finding.rows
        symbols.setdefault(finding.rule, set()).add(finding.symbol)
    return {name: (found[name], len(symbols[name]), rows[name]) for name in RULES if name in found}


def worst_severity(findings: Sequence[Finding]) -> Severity | None:
    """The gravest there is."""
    order = list(Severity)
    return max((finding.severity for finding in findings), key=order.index, default=None)
