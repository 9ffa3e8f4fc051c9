"""Panels that are large: opening costs nothing, and memory is no limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from xsmom.domain.panel import CELL_FIELDS
from xsmom.lake import panel_file
from xsmom.lake.panel import Panel

HOUR_MS = 3_600_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "market.panel"


def sparse(path: Path, bars: int, names: int) -> None:
    """A file of the right form whose cells are a hole: large for the reader, nothing for the disk."""
    symbols = tuple(f"N{number:04d}USDT" for number in range(names))
    blocks = panel_file._lay_out(symbols, bars, "", {})
    head = panel_file.PanelHeader(bars, HOUR_MS, HOUR_MS, symbols, "", {}, "0" * 64, blocks)
    with path.open("wb") as file:
        file.write(panel_file._pack({**vars(head), "blocks": [vars(block) for block in blocks]}))
        file.truncate(head.file_bytes)
    with path.open("r+b") as file:
        for block in blocks:
            if block.name in CELL_FIELDS:
                file.seek(block.offset + (bars - 1) * 8 * names)
                file.write(np.full(names, 42.0).tobytes())


def test_opening_takes_no_time_however_large_the_panel(path: Path) -> None:
    sparse(path, 50_000, 100)
    Panel.open(path)
    times = []
    for _ in range(5):
        start = perf_counter()
        panel = Panel.open(path)
        assert panel.close[-1, 0] == 42.0
        times.append(perf_counter() - start)
    assert path.stat().st_size > 240_000_000
    assert min(times) < 0.1  # about 1 ms; reading the bytes would take longer than this


LIMITED_CHILD = """
import resource, sys, warnings
warnings.simplefilter("ignore")
from xsmom.lake.panel import Panel
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
limit = used + (64 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
panel = Panel.open(sys.argv[1])
print(panel.bars, panel.close[-1, 0], panel.window(panel.bars - 1, 2).open[-1, 0])
try:
    panel.close.copy()
except MemoryError:
    print("no room for a copy")
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RLIMIT_DATA covers mmap on Linux only")
def test_a_panel_larger_than_memory_opens(path: Path) -> None:
    """1.2 GB of cells under a limit of 64 MB: the pages belong to the file, not to the process."""
    sparse(path, 250_000, 100)
    answer = subprocess.run(
        [sys.executable, "-c", LIMITED_CHILD, str(path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert answer.stdout.splitlines() == ["250000 42.0 42.0", "no room for a copy"]
