"""The table of rules: each has a test, each is what it says, and what a finding tells."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom.lake.findings import count_by_rule, find_runs, note_all, note_runs
from xsmom.lake.rules import RULES, Action, Finding, Sees, Severity

TESTS = Path(__file__).parents[2]
PAGES = ("unit/lake/*.py", "unit/cli/test_data_*.py", "e2e/*.py")


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_met_by_a_test(name: str) -> None:
    texts = [path.read_text("utf-8") for page in PAGES for path in TESTS.glob(page) if path.name != Path(__file__).name]
    assert any(f'"{name}"' in text for text in texts), f"no test names {name}"


def test_what_takes_a_bar_away_is_no_mere_note_unless_it_is_the_ordinary_course() -> None:
    ordinary = {"duplicate", "unproven_last", "gap", "no_funding", "print_twice"}
    for rule in RULES.values():
        if rule.action in {Action.NAN, Action.DROP, Action.ONE, Action.REFUSE} and rule.name not in ordinary:
            assert rule.severity is not Severity.NOTE, rule.name


def test_what_happens_often_needs_no_hindsight() -> None:
    for name in ("frozen", "copied", "bad_price", "broken_range", "volume_hole", "gap", "relisted"):
        assert RULES[name].sees in {Sees.BAR, Sees.PAST}


def test_a_finding_as_json() -> None:
    told = Finding("AUSDT", "spike", 0, 3_600_000, 2, "because").document()
    assert (told["severity"], told["action"], told["first"]) == ("error", "NaN", "1970-01-01 00:00Z")


@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_the_marked_rows(marks: list[bool]) -> None:
    mask = np.array(marks, dtype=bool)
    runs = find_runs(mask)
    covered = [row for first, last in runs for row in range(first, last + 1)]
    assert covered == np.flatnonzero(mask).tolist()
    assert all(after[0] > before[1] + 1 for before, after in pairwise(runs))
    stamps = np.arange(len(marks), dtype=np.int64)
    found = note_runs("A", "spike", stamps, mask, "")
    assert sum(finding.rows for finding in found) == mask.sum()
    together = note_all("A", "spike", stamps, mask, "")
    assert [finding.rows for finding in together] == ([int(mask.sum())] if mask.any() else [])
    assert count_by_rule(found) == ({"spike": (len(runs), 1, int(mask.sum()))} if runs else {})
