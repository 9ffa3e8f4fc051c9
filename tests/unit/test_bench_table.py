"""What the benches print and compare: the judgement of a ratio, the table, the baseline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benches.bench_table import NOISE_FRAC, Budgets, Line, lay_out

BENCHES = Path(__file__).parents[2] / "benches"


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (Line("a", 0.5, gate=1.0, must=0.5, baseline=0.5), "met"),
        (Line("a", 0.6, gate=1.0, must=0.5, baseline=0.5), "must not met yet"),
        (Line("a", 0.6, gate=1.0, baseline=0.5), "within its gate"),
        (Line("a", 0.6, gate=1.0, must=0.7), "met, no baseline"),
        (Line("a", 0.8, gate=1.0, must=0.8, baseline=0.5), "met"),
        (Line("a", 0.88, gate=1.0, must=0.9, baseline=0.5), "REGRESSED"),
        (Line("a", 0.55, gate=1.0, must=0.8, baseline=0.5, noise_frac=0.05), "REGRESSED"),
        (Line("a", 0.28, gate=1.0, must=0.4, baseline=0.5), "met, much better than its baseline"),
        (Line("a", 1.1, gate=1.0, must=0.4, baseline=1.0), "ABOVE ITS GATE"),
    ],
)
def test_a_ratio_is_judged(line: Line, verdict: str) -> None:
    assert line.verdict == verdict


def test_a_regression_is_named_with_its_figures_and_the_mend() -> None:
    told = Line("panel.open", 0.9, gate=2.0, baseline=0.5).sentence
    assert told.startswith("panel.open regressed: 0.9, its baseline is 0.5 and 75% above it is taken for noise;")
    assert told.endswith("just baseline")


def test_the_table_is_aligned_and_says_what_is_unknown() -> None:
    rows = lay_out([Line("long.name", 12.345, gate=20.0), Line("b", 0.01234, gate=1.0, must=0.02, baseline=0.0111)])
    assert [row.split() for row in rows] == [
        ["line", "must", "measured", "baseline", "gate", "verdict"],
        ["long.name", "-", "12.35", "-", "20.00", "within", "its", "gate,", "no", "baseline"],
        ["b", "0.020", "0.012", "0.011", "1.00", "met"],
    ]
    assert len({row.index(word) for row, word in zip(rows, ("verdict", "within", "met"), strict=True)}) == 1


def test_every_line_has_a_gate_and_the_baseline_knows_no_others() -> None:
    budgets = Budgets.read(BENCHES)
    assert set(budgets.must) <= set(budgets.ratio_max)
    assert set(budgets.baseline["ratios"]) <= set(budgets.ratio_max)
    assert budgets.baseline["noise_frac"] == NOISE_FRAC
    for name, must in budgets.must.items():
        assert must <= budgets.ratio_max[name], f"{name}: a gate below what must be reached"


def test_a_new_baseline_keeps_what_was_not_measured() -> None:
    old = {"noise_frac": 0.4, "noise_frac_of": {"b": 0.1}, "ratios": {"a": 1.0, "b": 2.0}}
    budgets = Budgets({"a": 9.0, "b": 9.0}, baseline=old)
    budgets.hold("a", 1.23456)
    assert budgets.renewed({"version": "1"}) == {
        "noise_frac": 0.4,
        "noise_frac_of": {"b": 0.1},
        "build": {"version": "1"},
        "ratios": {"a": 1.235, "b": 2.0},
    }
    with pytest.raises(AssertionError, match=r"b: 9.50, above its gate of 9.0"):
        budgets.hold("b", 9.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Benches of one line, held by our own table."""
    for name in ("conftest.py", "bench_table.py"):
        shutil.copy(BENCHES / name, tmp_path / name)
    (tmp_path / "budgets.toml").write_text('[ratio_max]\n"a.line" = 9.0\n[must]\n"a.line" = 1.0\n')
    (tmp_path / "test_one.py").write_text("def test_one(budgets):\n    budgets.hold('a.line', 2.0)\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = ignore\n")
    return tmp_path


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_run_is_written_and_becomes_the_baseline(folder: Path) -> None:
    first = bench(folder)
    assert first.returncode == 0, first.stdout
    assert "must not met yet, no baseline" in first.stdout
    told = json.loads((folder / "results.json").read_text())
    assert [(row["name"], row["ratio"]) for row in told["lines"]] == [("a.line", 2.0)]
    assert told["build"]["version"]
    assert bench(folder, "--renew-baseline", "--bench-json", str(folder / "x.json")).returncode == 0
    assert json.loads((folder / "baseline.json").read_text())["ratios"] == {"a.line": 2.0}


def test_a_regression_fails_a_run_that_every_gate_let_pass(folder: Path) -> None:
    (folder / "baseline.json").write_text(json.dumps({"noise_frac": 0.5, "ratios": {"a.line": 1.2}}))
    found = bench(folder)
    assert found.returncode == 1
    assert "1 passed" in found.stdout
    assert "a.line regressed: 2, its baseline is 1.2" in found.stdout
    (folder / "baseline.json").write_text(json.dumps({"noise_frac": 0.5, "ratios": {"a.line": 1.4}}))
    assert bench(folder).returncode == 0
