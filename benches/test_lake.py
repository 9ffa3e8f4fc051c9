"""What it costs to import a large file, in units of what polars needs to read, sort and write it.

Both in turn and the median of the ratios, CPU and wall; the lake writes some 230 parts with their hashes
and brings each to the disk, polars one file that may still be in memory.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from xsmom.lake.imports.intake import Intake
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.store import Lake

ROUNDS = 5


@pytest.fixture(scope="module")
def source() -> Path:
    path = Path(__file__).parents[2] / "shared/data/binance_spot_1h_2021_2023.parquet"
    if not path.exists():
        pytest.skip(f"needs {path.name} of the test material beside the repository")
    return path


def rewrite(source: Path, folder: Path) -> None:
    """What polars alone does: read, sort, write."""
    pl.read_parquet(source).sort("symbol", "ts").write_parquet(folder / "sorted.parquet", compression="zstd")


def bring_in(source: Path, folder: Path) -> None:
    """The command's work: understand, then merge into a new lake."""
    intake = Intake([source], Wishes())
    intake.understand(lambda _done, _total: None)
    lake = Lake.open(folder / "lake", create=True)
    taken = list(intake.write(lake, 1, lambda _done, _total: None))
    assert len(taken) == 1
    assert len(lake.keys()) == 87


def measure(work: Callable[[Path, Path], None], source: Path, folder: Path) -> tuple[float, float]:
    """CPU and wall seconds."""
    folder.mkdir()
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    work(source, folder)
    return time.process_time() - cpu_s, time.perf_counter() - wall_s


def test_import_of_a_large_file(budgets, source: Path, tmp_path: Path) -> None:
    cpu, wall = [], []
    for turn in range(ROUNDS):
        theirs = measure(rewrite, source, tmp_path / f"polars{turn}")
        ours = measure(bring_in, source, tmp_path / f"lake{turn}")
        cpu.append(ours[0] / theirs[0])
        wall.append(ours[1] / theirs[1])
    budgets.hold("lake.import_cpu", statistics.median(cpu))
    budgets.hold("lake.import_wall", statistics.median(wall))
