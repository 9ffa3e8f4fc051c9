"""From lake to panel: what the rules say is what the panel holds, whole or not at all, in little memory."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.unit.lake.market_lakes import DOWNLOAD, healthy_lake, put_bars, put_funding, real_lake
from tests.unit.lake.market_rows import DAY_MS, HOUR_MS, START_MS, healthy, real_rows, rules_of
from xsmom.config.lists import list_changes
from xsmom.domain.panel import NEVER_MS
from xsmom.domain.stamps import parse_ms
from xsmom.domain.tickers import Change
from xsmom.errors import DataError, OutputError
from xsmom.lake.checkup import check_market
from xsmom.lake.compile import compile_panel
from xsmom.lake.frame import read_frame
from xsmom.lake.panel import Panel
from xsmom.lake.panel_cache import compile_cached
from xsmom.lake.panel_file import read_header
from xsmom.lake.rules import VERSION, Action, Limits
from xsmom.lake.series import Source
from xsmom.lake.store import Lake
from xsmom.lake.survey import Survey

ROOT = Path(__file__).resolve().parents[3]


def compiled(lake: Lake, out: Path, timeframe: str = "1h", venue: str = "acme", **more: Any) -> Panel:
    span = {name: more.pop(name) for name in ("since_ms", "until_ms") if name in more}
    compile_panel(Survey(lake, venue, timeframe, **more), out, **span)
    return Panel.open(out, verify=True)


def test_a_healthy_lake_becomes_its_own_rows(tmp_path: Path) -> None:
    panel = compiled(healthy_lake(tmp_path / "lake"), tmp_path / "out.panel")
    assert panel.symbols == tuple(f"N{number}USDT" for number in range(5))
    assert (panel.bars, panel.bar_ms, int(panel.close_ms[0])) == (300, HOUR_MS, START_MS + HOUR_MS)
    for number in range(5):
        columns = healthy(300, number)
        for name in ("open", "high", "low", "close", "volume_usdt"):
            np.testing.assert_array_equal(getattr(panel, name)[:, number], columns[name])
        paid = np.zeros(300)
        paid[7::8] = 1e-4 * (number + 1)
        np.testing.assert_array_equal(panel.funding_frac[:289, number], paid[:289])
    assert (panel.listed_ms == START_MS).all()
    assert (panel.delisted_ms == NEVER_MS).all()


def test_it_equals_the_frame_door_on_real_rows(shared: Path, tmp_path: Path) -> None:
    """Another way from rows to a panel, written before: equal wherever no rule had a word to say."""
    name = "binance_perp_1h_29sym_to2024.parquet"
    panel = compiled(real_lake(tmp_path / "lake", shared, name), tmp_path / "out.panel", venue="binance")
    rows = real_rows(shared, name).select("symbol", "open_ms", "open", "high", "low", "close", "volume")
    other = read_frame(rows, bar_ms=HOUR_MS, duplicates="refuse")
    assert panel.symbols == other["symbols"]
    assert panel.bars == len(other["close_ms"]) - 1  # the newest row of a file proves nothing
    halted = (panel.close_ms == parse_ms("2024-10-28T22:00Z"))[:, None]
    for field in ("open", "high", "low", "close", "volume_usdt"):
        assert np.isnan(getattr(panel, field)[halted[:, 0]]).all()
        np.testing.assert_array_equal(
            np.where(halted, 0, getattr(panel, field)), np.where(halted, 0, other[field][:-1])
        )


@pytest.mark.slow
def test_every_finding_on_real_files_is_what_the_panel_did(shared: Path, tmp_path: Path) -> None:
    """LUNA, QUICK, NBT, PAX and CVC: what check says of each bar is what compile made of it."""
    names = ("LUNAUSDT", "QUICKUSDT", "NBTUSDT", "PAXUSDT", "CVCUSDT", "BTCUSDT")
    lake = real_lake(tmp_path / "lake", shared, "binance_spot_1h_2021_2023.parquet", symbols=names)
    changes = list_changes("USDT")
    checked = check_market(lake, "binance", "1h", changes=changes)
    survey = Survey(lake, "binance", "1h", changes=changes)
    compile_panel(survey, tmp_path / "out.panel")
    assert checked is not None
    assert [f.document() for f in checked.findings] == [f.document() for f in survey.findings]
    panel = Panel.open(tmp_path / "out.panel", verify=True)
    assert panel.symbols == (
        "BTCUSDT", "CVCUSDT", "CVCUSDT.2", "LUNAUSDT", "LUNAUSDT.2", "NBTUSDT", "PAXUSDT", "QUICKUSDT",
    )  # fmt: skip
    place = {symbol: number for number, symbol in enumerate(panel.symbols)}
    for finding in checked.findings:
        if finding.action not in {Action.NAN, Action.DROP} or finding.rule == "no_funding":
            continue
        bars = (panel.close_ms > finding.first_ms) & (panel.close_ms <= finding.last_ms + HOUR_MS)
        listings = [place[symbol] for symbol in (finding.symbol, f"{finding.symbol}.2") if symbol in place]
        assert np.isnan(panel.close[bars][:, listings]).all(), finding
    moves = np.abs(np.diff(np.log(panel.close), axis=0))
    assert np.nanmax(moves[:, place["LUNAUSDT.2"]]) < 2.5
    assert np.nanmax(moves[:, place["QUICKUSDT"]]) < 1
    gone = panel.delisted_ms[place["LUNAUSDT"]]
    assert gone == parse_ms("2022-05-13T01:00Z")
    assert panel.listed_ms[place["LUNAUSDT.2"]] == parse_ms("2022-05-31T06:00Z")


def test_dead_names_stay_with_their_last_day(shared: Path, tmp_path: Path) -> None:
    lake = real_lake(tmp_path / "lake", shared, "binance_spot_1d_2021_2023.parquet")
    panel = compiled(lake, tmp_path / "out.panel", "1d", "binance")
    gone = panel.delisted_ms[panel.delisted_ms != NEVER_MS]
    assert len(gone) >= 33
    repusdt = panel.symbols.index("REPUSDT")
    assert panel.delisted_ms[repusdt] == parse_ms("2022-12-23")
    last = int((parse_ms("2022-12-23") - int(panel.close_ms[0])) // DAY_MS)
    assert not np.isnan(panel.close[last, repusdt])
    assert np.isnan(panel.close[last + 1 :, repusdt]).all()


def test_small_bars_make_large_ones(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(600, bar_ms=60_000)
    keep = np.ones(600, dtype=bool)
    keep[[65, 119, 200, 201, 202, 203, 204]] = False
    put_bars(lake, "AUSDT", {name: column[keep] for name, column in columns.items()}, bar_ms=60_000)
    survey = Survey(lake, "acme", "1h")
    compile_panel(survey, tmp_path / "out.panel")
    panel = Panel.open(tmp_path / "out.panel", verify=True)
    assert panel.bars == 10
    assert np.flatnonzero(np.isnan(panel.close[:, 0])).tolist() == [1, 3]  # without its last minute; too thin
    np.testing.assert_array_equal(panel.close[[0, 9], 0], columns["close"][[59, 599]])
    np.testing.assert_array_equal(panel.high[0, 0], columns["high"][:60].max())
    assert [f.rule for f in survey.findings if f.rule == "parts_missing"] == ["parts_missing"] * 2
    with pytest.raises(DataError, match="no bars of 30s can be made"):
        Survey(lake, "acme", "30s")


def test_the_span_may_be_cut_without_changing_a_cell(tmp_path: Path) -> None:
    lake = healthy_lake(tmp_path / "lake")
    whole = compiled(lake, tmp_path / "whole.panel")
    part = compiled(lake, tmp_path / "part.panel", since_ms=START_MS + 2 * DAY_MS, until_ms=START_MS + 5 * DAY_MS)
    assert int(part.close_ms[0]) == START_MS + 2 * DAY_MS + HOUR_MS
    assert int(part.close_ms[-1]) == START_MS + 5 * DAY_MS
    rows = (whole.close_ms > START_MS + 2 * DAY_MS) & (whole.close_ms <= START_MS + 5 * DAY_MS)
    np.testing.assert_array_equal(part.close, whole.close[rows])
    np.testing.assert_array_equal(part.funding_frac, whole.funding_frac[rows])
    np.testing.assert_array_equal(part.listed_ms, whole.listed_ms)
    with pytest.raises(DataError, match="no bar lies between --from and --to"):
        compiled(lake, tmp_path / "none.panel", since_ms=START_MS + 1000 * DAY_MS)


def test_a_rename_carries_bars_and_funding(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(400)
    put_bars(lake, "OLDUSDT", {name: column[:200] for name, column in columns.items()})
    put_bars(lake, "NEWUSDT", {name: column[224:] for name, column in columns.items()})
    put_funding(lake, "OLDUSDT", range(0, 200, 8), [0.001] * 25)
    put_funding(lake, "NEWUSDT", range(232, 400, 8), [0.002] * 21)
    change = Change(START_MS + 224 * HOUR_MS, "OLDUSDT", "NEWUSDT", 1.0)
    panel = compiled(lake, tmp_path / "out.panel", changes=[change])
    assert panel.symbols == ("NEWUSDT",)
    assert panel.listed_ms.tolist() == [START_MS]
    np.testing.assert_array_equal(panel.close[:200, 0], columns["close"][:200])
    assert np.isnan(panel.close[200:224, 0]).all()
    np.testing.assert_array_equal(panel.close[224:, 0], columns["close"][224:])
    assert (panel.funding_frac[7:192:8, 0] == 0.001).all()
    assert (panel.funding_frac[231:391:8, 0] == 0.002).all()
    assert compiled(lake, tmp_path / "apart.panel").symbols == ("NEWUSDT", "OLDUSDT")


def test_provenance_tells_all_that_went_in(tmp_path: Path) -> None:
    lake = healthy_lake(tmp_path / "lake", names=2)
    compile_panel(Survey(lake, "acme", "1h"), tmp_path / "out.panel")
    told = read_header(tmp_path / "out.panel").provenance
    assert (told["venue"], told["timeframe"], told["rules_version"]) == ("acme", "1h", VERSION)
    keys = lake.keys()
    assert told["content_sha256"] == {str(key): lake.info(key).content_sha256 for key in keys}
    assert told["limits"] == {"max_spike_frac": 0.5, "max_stale_bars": 12}
    assert told["dates_by"]["N0USDT"] == {"listed": "first bar"}


def test_the_same_lake_gives_the_same_bytes(tmp_path: Path) -> None:
    lake = healthy_lake(tmp_path / "lake")
    digests = set()
    for name in ("a.panel", "b.panel"):
        compiled(lake, tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_cut_off_bars_of_all_names_are_nan(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    for seed in range(6):
        columns = healthy(200, seed)
        columns["close"][60] = (columns["open"][60] + columns["close"][60]) / 2
        for name in ("volume", "volume_usdt"):
            columns[name][60] *= 0.4
        columns["high"] = np.maximum(columns["high"], columns["close"])
        columns["low"] = np.minimum(columns["low"], columns["close"])
        put_bars(lake, f"N{seed}USDT", columns)
    survey = Survey(lake, "acme", "1h")
    compile_panel(survey, tmp_path / "out.panel")
    panel = Panel.open(tmp_path / "out.panel", verify=True)
    assert np.isnan(panel.close[60]).all()
    assert not np.isnan(np.delete(panel.close, 60, axis=0)).any()
    assert rules_of(survey.findings).count("half_finished") == 6


@pytest.mark.parametrize("trouble", ["no folder", "unknown symbol", "empty", "unknown venue"])
def test_what_cannot_be_done_is_said_and_nothing_is_left(tmp_path: Path, trouble: str) -> None:
    lake = healthy_lake(tmp_path / "lake", names=1)
    out = tmp_path / "out.panel"
    if trouble == "no folder":
        with pytest.raises(OutputError, match="is no folder: make it"):
            compiled(lake, tmp_path / "nowhere/out.panel")
    elif trouble == "unknown symbol":
        with pytest.raises(DataError, match="holds no 1h bars of XUSDT"):
            compiled(lake, out, symbols=["XUSDT"])
    elif trouble == "unknown venue":
        with pytest.raises(DataError, match="holds no bars from nobody"):
            compiled(lake, out, venue="nobody")
    else:
        columns = healthy(50)
        columns["close"] = np.zeros(50)
        put_bars(lake, "BADUSDT", columns, venue="bad")
        with pytest.raises(DataError, match="is usable: see `xsmom data check`"):
            compiled(lake, out, venue="bad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake"]


def test_an_interrupted_compile_leaves_the_old_panel(tmp_path: Path) -> None:
    lake = healthy_lake(tmp_path / "lake")
    out = tmp_path / "out.panel"
    compiled(lake, out)
    before = out.read_bytes()

    class Stop(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        if done == total - 1:
            raise Stop

    with pytest.raises(Stop):
        compile_panel(Survey(lake, "acme", "1h"), out, progress=stop)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "out.panel"]


KILLED = """
import sys
from pathlib import Path
from xsmom.lake.compile import compile_panel
from xsmom.lake.store import Lake
from xsmom.lake.survey import Survey
survey = lambda: Survey(Lake.open(Path(sys.argv[1])), "acme", "1h")
print("ready", flush=True)
while True:
    compile_panel(survey(), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_at_any_moment_a_panel_is_whole(tmp_path: Path) -> None:
    lake = healthy_lake(tmp_path / "lake", names=20, bars=3_000)
    out = tmp_path / "out.panel"
    hashes = {compiled(lake, out).hash}
    rng = np.random.default_rng(3)
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", KILLED, str(lake.root), str(out)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(float(rng.uniform(0.02, 0.5)))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        hashes.add(Panel.open(out, verify=True).hash)
    assert len(hashes) == 1
    leftovers = [path for path in tmp_path.iterdir() if path not in {lake.root, out}]
    assert all(path.suffix == ".tmp" for path in leftovers)
    assert len(leftovers) <= 1  # of the last one; each run removes what the one before it left
    compiled(lake, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "out.panel"]
    checked = check_market(Lake.open(lake.root), "acme", "1h")
    assert checked is not None
    assert checked.findings == ()


LIMITED = """
import resource, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import polars
from xsmom.lake.compile import compile_panel
from xsmom.lake.store import Lake
from xsmom.lake.survey import Survey
lake = Lake.open(Path(sys.argv[1]))
lake.read(lake.keys()[0])
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
limit = used + int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
compile_panel(Survey(lake, "acme", "1h"), Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RLIMIT_DATA covers private memory on Linux only")
def test_a_panel_larger_than_memory_is_compiled(tmp_path: Path) -> None:
    """240 MB of cells under 120 MB of memory beside what the interpreter and its libraries hold."""
    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(50_000)
    with lake.batch():
        for number in range(100):
            put_bars(lake, f"N{number:03d}USDT", columns)
    out = tmp_path / "out.panel"
    arguments = [sys.executable, "-c", LIMITED, str(lake.root), str(out), str(120 << 20)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
    answer = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert answer.returncode == 0, answer.stderr[-2_000:]
    panel = Panel.open(out)
    assert panel.close.shape == (50_000, 100)
    np.testing.assert_array_equal(panel.close[:, 7], columns["close"])
    assert 6 * panel.close.nbytes > 120 << 20


# --- kept panels ------------------------------------------------------------------------------


def test_a_kept_panel_is_compiled_once_and_again_when_anything_changes(tmp_path: Path) -> None:
    lake = healthy_lake(tmp_path / "lake")
    first = compile_cached(Survey(lake, "acme", "1h"))
    stamp = first.stat().st_mtime_ns
    assert compile_cached(Survey(lake, "acme", "1h")) == first
    assert first.stat().st_mtime_ns == stamp
    others = {
        compile_cached(Survey(lake, "acme", "1h", limits=Limits(spike_frac=0.2))),
        compile_cached(Survey(lake, "acme", "1h", changes=[Change(0, "AUSDT", "BUSDT", 1.0)])),
    }
    columns = healthy(301)
    put_bars(lake, "N0USDT", columns)
    others.add(compile_cached(Survey(lake, "acme", "1h")))
    assert len(others | {first}) == 4
    compile_cached(Survey(lake, "acme", "4h"))
    assert len(list((lake.root / ".panels").iterdir())) == 4
    assert lake.strangers() == []


def test_files_and_downloads_are_read_alike(tmp_path: Path) -> None:
    """Only the newest row differs: a file does not prove that it was finished."""
    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(100)
    put_bars(lake, "AUSDT", columns, venue="files", source=Source("import", "a.csv", 0, None, START_MS + 99 * HOUR_MS))
    put_bars(lake, "AUSDT", columns, venue="acme", source=DOWNLOAD)
    file, download = (compiled(lake, tmp_path / f"{venue}.panel", venue=venue) for venue in ("files", "acme"))
    assert (file.bars, download.bars) == (99, 100)
    np.testing.assert_array_equal(file.close, download.close[:99])
    assert pl.Series(file.volume_usdt[:, 0]).equals(pl.Series(download.volume_usdt[:99, 0]))
