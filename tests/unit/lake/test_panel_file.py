from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsmom.domain.panel import CELL_FIELDS, NEVER_MS
from xsmom.domain.panel_hash import hash_panel
from xsmom.errors import DataError, OutputError
from xsmom.lake import panel_file
from xsmom.lake.panel import Panel
from xsmom.lake.panel_file import PanelWriter, read_header

HOUR_MS = 3_600_000


def make(bars: int = 50, names: int = 5, seed: int = 1, label: str = "made by hand") -> Panel:
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0, 0.01, (bars, names)), axis=0))
    close[rng.random((bars, names)) < 0.1] = np.nan
    funding = np.where(rng.random((bars, names)) < 0.5, 0.0001, np.nan)
    return Panel.from_arrays(
        close_ms=HOUR_MS * np.arange(500_000, 500_000 + bars),
        symbols=[f"N{number:04d}USDT" for number in range(names)],
        open=close, high=close * 1.01, low=close * 0.99, close=close, volume_usdt=close * 1e6,
        funding_frac=funding, listed_ms=np.arange(names), bar_ms=HOUR_MS, label=label,
    )  # fmt: skip


def writer_of(panel: Panel, path: Path, **changed: Any) -> PanelWriter:
    facts: dict[str, Any] = {
        "symbols": panel.symbols,
        "bars": panel.bars,
        "bar_ms": panel.bar_ms,
        "first_close_ms": int(panel.close_ms[0]),
        "listed_ms": panel.listed_ms,
        "delisted_ms": panel.delisted_ms,
        "label": panel.label,
    }
    return PanelWriter(path, **{**facts, **changed})


def assert_same(one: Panel, other: Panel) -> None:
    assert (one.symbols, one.bar_ms, one.label) == (other.symbols, other.bar_ms, other.label)
    for name in (*CELL_FIELDS, "close_ms", "listed_ms", "delisted_ms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "market.panel"


@given(bars=st.integers(1, 40), names=st.integers(1, 9), seed=st.integers(0, 99), label=st.text(max_size=20))
def test_what_is_saved_is_what_is_opened(
    tmp_path_factory: pytest.TempPathFactory, bars: int, names: int, seed: int, label: str
) -> None:
    path = tmp_path_factory.mktemp("panels") / "a.panel"
    panel = make(bars, names, seed, label)
    panel.save(path)
    opened = Panel.open(path, verify=True)
    assert_same(opened, panel)
    assert opened.hash == panel.hash == hash_panel(opened)
    assert type(opened) is type(panel) is Panel


def test_opened_arrays_are_views_of_the_file(path: Path) -> None:
    make().save(path)
    panel = Panel.open(path)
    for name in CELL_FIELDS:
        array = getattr(panel, name)
        base = array
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap), name
        assert array.ctypes.data % 64 == 0, name
        assert array.flags.c_contiguous, name
        assert not array.flags.writeable, name
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_the_class_opens_files_and_a_panel_holds_opens(path: Path) -> None:
    panel = make()
    panel.save(str(path))
    assert panel.open.shape == (50, 5)
    assert Panel.open(str(path)).open.shape == (50, 5)
    assert Panel.open(path).window(9, 3).open.shape == (3, 5)


def test_the_same_panel_makes_the_same_bytes(path: Path, tmp_path: Path) -> None:
    for target in (path, tmp_path / "again.panel"):
        make().save(target, provenance={"source": "test"})
    assert path.read_bytes() == (tmp_path / "again.panel").read_bytes()
    assert read_header(path).provenance == {"source": "test"}


def test_the_layout_is_the_documented_one(path: Path) -> None:
    """Read by hand what docs/reference/panel-file.md says, without the reader."""
    panel = make()
    panel.save(path)
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<8sII", data)
    assert (magic, version) == (b"XSMPANEL", 1)
    header = json.loads(data[48 : 48 + length])
    assert (header["bars"], header["bar_ms"], header["hash"]) == (50, HOUR_MS, panel.hash)
    assert [block["name"] for block in header["blocks"]] == ["listed_ms", "delisted_ms", *CELL_FIELDS]
    close = next(block for block in header["blocks"] if block["name"] == "close")
    cells = np.frombuffer(data, "<f8", count=50 * 5, offset=close["offset"]).reshape(50, 5)
    np.testing.assert_array_equal(cells, panel.close)
    assert all(block["offset"] % 64 == 0 for block in header["blocks"])
    assert header["blocks"][-1]["offset"] + header["blocks"][-1]["nbytes"] == len(data)


@pytest.mark.parametrize("pieces", [[50], [1] * 50, [7, 0, 43], [49, 1]])
def test_pieces_make_the_same_file_as_the_whole(path: Path, tmp_path: Path, pieces: list[int]) -> None:
    panel, start = make(), 0
    panel.save(tmp_path / "whole.panel")
    with writer_of(panel, path) as writer:
        for rows in filter(None, pieces):
            writer.append(panel.slice(start, start + rows))
            start += rows
    assert path.read_bytes() == (tmp_path / "whole.panel").read_bytes()


def test_pieces_that_do_not_fit_are_refused_and_leave_no_file(path: Path) -> None:
    panel = make()
    misfits: list[tuple[str, Callable[[PanelWriter], None]]] = [
        ("do not continue the panel at", lambda writer: writer.append(panel.slice(3, 5))),
        ("do not continue the panel at", lambda writer: writer.append(make(names=4))),
        ("more rows than the 50 bars", lambda writer: writer.append(make(bars=51))),
        ("only 20 of 50 bars were given", lambda writer: writer.append(panel.slice(0, 20))),
    ]
    for sentence, misfit in misfits:
        with pytest.raises(DataError, match=sentence), writer_of(panel, path) as writer:
            misfit(writer)
        assert list(path.parent.iterdir()) == []


def test_an_interrupted_writer_leaves_the_old_file(path: Path) -> None:
    make(label="old").save(path)
    new = make(label="new")

    def give_up(writer: PanelWriter) -> None:
        writer.append(new.slice(0, 10))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), writer_of(new, path) as writer:
        give_up(writer)
    assert Panel.open(path, verify=True).label == "old"
    assert [item.name for item in path.parent.iterdir()] == ["market.panel"]


KILLED_CHILD = """
import sys, warnings
warnings.simplefilter("ignore")
from xsmom.lake.sample import SampleMarket
market = SampleMarket(symbols=30, bars=200_000, seed=2)
market.write(sys.argv[1], lambda done, total: print(done, flush=True))
"""


def test_a_killed_writer_leaves_the_old_file(path: Path) -> None:
    make(label="old").save(path)
    child = subprocess.Popen([sys.executable, "-c", KILLED_CHILD, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child:
        child.stdout.readline()  # it is writing by now
        child.kill()
    assert child.returncode < 0
    assert Panel.open(path, verify=True).label == "old"
    assert len(list(path.parent.iterdir())) == 2  # and what there was of the new one
    make(label="newer").save(path)
    assert [item.name for item in path.parent.iterdir()] == ["market.panel"]


def test_only_what_nobody_writes_any_more_is_removed(path: Path) -> None:
    strangers = [".market.panel.tmp", ".other.panel.1-00000000.tmp", ".market.panel.1-0000000.tmp", "market.panel.bak"]
    for name in strangers:
        path.with_name(name).write_bytes(b"half")
    dead = path.with_name(f".market.panel.{os.getpid()}-0123abcd.tmp")  # a number that lives again
    dead.write_bytes(b"half")
    panel = make()
    with writer_of(panel, path) as living:
        living.append(panel.slice(0, 10))
        assert not dead.exists()
        make(label="other").save(path)
        assert Panel.open(path, verify=True).label == "other"
        living.append(panel.slice(10, panel.bars))
    assert Panel.open(path, verify=True).label == "made by hand"
    assert sorted(item.name for item in path.parent.iterdir()) == sorted([*strangers, "market.panel"])


def test_a_leftover_that_is_taken_before_its_lock_is_made_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of the file and its lock, another writer may come by."""
    real = fcntl.flock
    made: list[Path] = []

    def lock(file: int, how: int) -> None:
        if not made:
            made.append(next(path.parent.glob(".*.tmp")))
            made[0].unlink()
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    make().save(path)
    assert Panel.open(path, verify=True).bars == 50
    assert [item.name for item in path.parent.iterdir()] == ["market.panel"]


def test_an_open_panel_outlives_the_file_that_replaces_it(path: Path) -> None:
    make(label="old").save(path)
    old = Panel.open(path)
    before = old.close.copy()
    make(seed=2, label="new").save(path)
    np.testing.assert_array_equal(old.close, before)
    assert Panel.open(path).label == "new"


def test_a_part_of_an_open_panel_can_replace_its_own_file(path: Path) -> None:
    make().save(path)
    part = Panel.open(path).slice(10, 30)
    part.save(path)
    assert_same(Panel.open(path, verify=True), part)


def test_a_truncated_file_is_refused_wherever_it_is_cut(path: Path) -> None:
    make().save(path)
    data = path.read_bytes()
    for length in [0, 1, 8, 47, 48, 200, len(data) // 2, len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=str(path)) as refused:
            Panel.open(path)
        assert "\n" not in str(refused.value)
    path.write_bytes(data + b"x")
    with pytest.raises(DataError, match="it was cut off or added to; write it again"):
        Panel.open(path)


@given(data=st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("flipped") / "a.panel"
    make(bars=8, names=2).save(path)
    content = bytearray(path.read_bytes())
    blocks = read_header(path).blocks
    used = [*range(48)] + [place for b in blocks for place in range(b.offset, b.offset + b.nbytes)]
    place = data.draw(st.sampled_from([*used, *range(48, 400)]))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(DataError):
        Panel.open(path, verify=True)


def patch(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrite the header as a foreign program might: its sum is right, its content is not."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    header = json.loads(data[48 : 48 + length])
    change(header)
    packed = panel_file._pack(header)
    path.write_bytes(packed + data[len(packed) :])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda header: header.pop("symbols"), "cannot be understood"),
        (lambda header: header.update(surprise=1), "cannot be understood"),
        (lambda header: header.update(bars=49), "blocks do not fit its size"),
        (lambda header: header["blocks"].pop(), "blocks do not fit its size"),
        (lambda header: header["blocks"][3].update(offset=13), "blocks do not fit its size"),
        (lambda header: header["blocks"][3].update(offset=-64), "blocks do not fit its size"),
        (lambda header: header.update(bars=50.0), "blocks do not fit its size"),
        (lambda header: header.update(bar_ms=0), "blocks do not fit its size"),
        (lambda header: header["blocks"][3].update(dtype="O8"), "blocks do not fit its size"),
        (lambda header: header["symbols"].reverse(), "the content hash does not fit"),
        (lambda header: header.update(bar_ms=1), "the content hash does not fit"),
    ],
)
def test_a_header_that_lies_is_refused(path: Path, change: Callable[[dict[str, Any]], None], sentence: str) -> None:
    make().save(path)
    patch(path, change)
    with pytest.raises(DataError, match=sentence):
        Panel.open(path, verify=True)


def test_foreign_and_newer_files_are_refused(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(500))
    with pytest.raises(DataError, match="is not a panel file: make one with"):
        Panel.open(path)
    make().save(path)
    data = bytearray(path.read_bytes())
    data[8] = 2
    path.write_bytes(data)
    with pytest.raises(DataError, match="has format 2, this xsmom reads up to 1: upgrade xsmom"):
        Panel.open(path)
    with pytest.raises(DataError, match="no such file"):
        Panel.open(tmp_path / "nowhere.panel")
    with pytest.raises(DataError, match="is a directory"):
        Panel.open(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such file or directory"):
        make().save(tmp_path / "nowhere" / "a.panel")
    (tmp_path / "folder.panel").mkdir()
    with pytest.raises(OutputError, match="is a directory"):
        make().save(tmp_path / "folder.panel")
    assert [item.name for item in tmp_path.iterdir()] == ["folder.panel"]


def test_a_full_disk_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(label="old").save(path)
    real, left = os.pwrite, 2_000

    def pwrite(file: int, data: memoryview, offset: int) -> int:
        nonlocal left
        if left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(file, data[:left], offset)  # a disk that fills up writes short before it fails
        left -= written
        return written

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OutputError, match=r"market\.panel: no space left on device"):
        make(label="new").save(path)
    assert [item.name for item in path.parent.iterdir()] == ["market.panel"]
    assert Panel.open(path, verify=True).label == "old"


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: real(file, data[:97], offset))
    make().save(path)
    assert_same(Panel.open(path, verify=True), make())


def test_provenance_must_be_json(path: Path) -> None:
    with pytest.raises(DataError, match="provenance does not fit into JSON"):
        make().save(path, provenance={"when": object()})


def test_the_mask_of_the_user_decides_who_may_read(path: Path) -> None:
    before = os.umask(0o027)
    try:
        make().save(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_opening_brings_no_frame_library(path: Path) -> None:
    make().save(path)
    code = f"import sys; from xsmom.lake.panel import Panel; Panel.open({str(path)!r}); print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"polars", "pandas", "pyarrow"} & {name.partition(".")[0] for name in answer.stdout.split()}


def test_dates_survive(path: Path) -> None:
    panel = make(names=3)
    gone = Panel.from_arrays(
        close_ms=panel.close_ms, symbols=panel.symbols, listed_ms=[5, 6, 7], delisted_ms=[8, NEVER_MS, 9],
        **{name: getattr(panel, name) for name in CELL_FIELDS},
    )  # fmt: skip
    gone.save(path)
    opened = Panel.open(path)
    assert opened.listed_ms.tolist() == [5, 6, 7]
    assert opened.delisted_ms.tolist() == [8, NEVER_MS, 9]


def test_files_are_not_left_open(path: Path) -> None:
    make().save(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(128, soft), hard))
    try:
        for _ in range(300):
            Panel.open(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
