"""What the outside does to a lake: kills, a second process, a full disk, a folder without rights."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from tests.unit.lake import lakes
from tests.unit.lake.lakes import BARS, SOURCE, make_bars, span_of
from tests.unit.lake.writing_process import SYMBOLS, rows
from xsmom.errors import DataError, OutputError
from xsmom.lake import commit, lock
from xsmom.lake.series import SeriesKey
from xsmom.lake.store import Lake

WRITER = Path(__file__).with_name("writing_process.py")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path / "lake", create=True)


def start(root: Path, first: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(WRITER), str(root), str(first)], stdout=subprocess.PIPE, text=True)


def look_after_kill(root: Path, reported: int) -> None:
    """Whole parts, all that was reported, the three series alike, and no leftovers."""
    lake = Lake.open(root)
    with lake.writing():
        assert not list(root.rglob(".*.tmp"))
        assert not (root / ".commit").exists()
    assert lake.strangers() == []
    lengths = set()
    for symbol in SYMBOLS:
        key = SeriesKey("binance", "bars", "1h", symbol)
        assert lake.verify(key) == []
        stored = lake.read(key).drop("volume_usdt")
        assert len(stored) >= reported
        assert_frame_equal(stored, rows(0, len(stored)))
        lengths.add(len(stored))
    assert len(lengths) == 1


def test_a_writer_that_is_killed_loses_nothing_it_reported(tmp_path: Path, proof: bool) -> None:
    root, rng, reported = tmp_path / "lake", random.Random(11), 0
    for _ in range(60 if proof else 6):
        with start(root, reported) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(rng.uniform(0, 0.15))
            writer.kill()
            lines = [first, *writer.stdout.read().splitlines()]
        reported = max([reported, *(int(line) for line in lines if line.strip())])
        look_after_kill(root, reported)
    assert reported > 0


@pytest.mark.parametrize("renames_done", [0, 1, 2])
def test_a_kill_between_two_renames_is_finished_by_whoever_comes(
    lake: Lake, renames_done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commit._rename

    def die(pairs: list[Any]) -> None:
        if len(pairs) == 1:  # the list itself
            real(pairs)
            return
        real(pairs[:renames_done])
        raise KeyboardInterrupt

    monkeypatch.setattr(commit, "_rename", die)
    table = make_bars()
    with pytest.raises(KeyboardInterrupt):
        lake.merge(BARS, table, covered=span_of(table), source=SOURCE, replace=False)
    monkeypatch.undo()
    again = Lake.open(lake.root)
    assert_frame_equal(again.read(BARS), table)
    assert not list(lake.root.rglob(".*.tmp"))
    assert not (lake.root / ".commit").exists()


def test_a_second_writer_is_told_who_writes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
    with start(lake.root, 0) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        words = f"the lake {lake.root} is being written by process {writer.pid}: wait, or stop it"
        try:
            with pytest.raises(DataError, match=words), lake.writing():
                pass
            with pytest.raises(DataError, match=words), lake.reading():
                pass
            assert lake.info(SeriesKey("binance", "bars", "1h", "AUSDT")).rows >= 7  # a look needs no lock
        finally:
            writer.kill()
    with lake.writing():
        pass


def test_readers_share_and_keep_a_writer_out(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
    other, third = Lake.open(lake.root), Lake.open(lake.root)
    words = f"is being read by process {os.getpid()}"
    with lake.reading(), other.reading(), pytest.raises(DataError, match=words), third.writing():
        pass
    with third.writing():
        pass


def test_a_lock_is_told_without_a_process_where_the_system_names_none(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.0)
    monkeypatch.setattr(lock, "_PROC_LOCKS", tmp_path / "none")
    with lake.writing(), pytest.raises(DataError, match="is being read by another process"), Lake(lake.root).writing():
        pass


def test_a_full_disk_leaves_the_lake_as_it_was(lake: Lake) -> None:
    table = make_bars(40_000)
    lake.merge(BARS, table[:10], covered=None, source=SOURCE, replace=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
        with pytest.raises(OutputError, match=r"parquet: file too large"):
            lake.merge(BARS, table, covered=None, source=SOURCE, replace=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_frame_equal(lake.read(BARS), table[:10])
    assert not list(lake.root.rglob(".*.tmp"))
    lake.merge(BARS, table, covered=None, source=SOURCE, replace=False)
    assert len(lake.read(BARS)) == 40_000


READ_ONLY = """
import os, sys
from pathlib import Path
from tests.unit.lake.lakes import BARS, SOURCE, make_bars
from xsmom.lake.store import Lake
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
lake = Lake.open(sys.argv[1])
with lake.reading():
    print(len(lake.read(BARS)))
try:
    lake.merge(BARS, make_bars(9), covered=None, source=SOURCE, replace=False)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_folder_that_cannot_be_written_can_be_read(lake: Lake) -> None:
    lake.merge(BARS, make_bars(), covered=None, source=SOURCE, replace=False)
    for folder in (lake.root, *(path for path in lake.root.rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    for parent in list(lake.root.parents)[:4]:  # a worker of the tests has a folder of its own
        parent.chmod(0o755)
    (lake.root / ".lock").chmod(0o444)
    root = Path(lakes.__file__).parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(lake.root)], capture_output=True, text=True, cwd=root, check=False
    )
    lines = answer.stdout.splitlines()
    assert lines[:1] == ["6"], answer.stderr
    assert lines[1] == (
        f"OutputError the lake {lake.root} cannot be written (.lock: permission denied): "
        "see to the rights of that folder, or choose another lake"
    )
