"""`xsmom data check` and `repair` on small spoiled lakes, from the command line on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.unit.lake.market_lakes import healthy_lake, put_bars, put_funding
from tests.unit.lake.market_rows import HOUR_MS, START_MS, healthy
from xsmom.cli.data import app
from xsmom.errors import DataError
from xsmom.lake.rules import RULES
from xsmom.lake.store import Lake


def run(*arguments: object, code: int = 0) -> str:
    outcome = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def look(root: Path, *more: object, code: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("check", "--lake", root, "--json", *more, code=code))
    return told


def found(told: dict[str, Any]) -> list[str]:
    markets = [finding["rule"] for market in told["markets"] for finding in market["findings"]]
    return markets + [finding["rule"] for finding in told["files"]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return healthy_lake(tmp_path / "lake", names=4)


def spoil(lake: Lake, symbol: str = "BADUSDT") -> None:
    """Add a name with a bad price, a spike and a hole."""
    columns = healthy(300, 9)
    columns["close"][50] = -1.0
    columns["close"][80] *= 3
    columns["high"][80] = columns["close"][80]
    put_bars(lake, symbol, columns)


def test_a_healthy_lake_ends_with_zero(lake: Lake) -> None:
    told = look(lake.root)
    assert (told["errors"], found(told)) == (0, [])
    assert told["markets"][0]["usable_bars"] == 4 * 300
    assert "0 errors, 0 warnings, 0 notes" in run("check", "--lake", lake.root)


def test_each_part_is_read_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars, funding and mark prices, a name with funding alone, and a part that is broken and looked at closely."""
    put_bars(lake, "N0USDT", healthy(300, 0), kind="mark")
    put_funding(lake, "ALONEUSDT", range(0, 300, 8), [1e-4] * 38)
    put_bars(lake, "TORNUSDT", healthy(300, 5))
    paths = {path for key in lake.keys(None) for path in lake.part_paths(key).values()}
    torn = next(path for path in paths if "TORNUSDT" in str(path))
    torn.write_bytes(torn.read_bytes()[:-100])
    read: Counter[Path] = Counter()
    real = Path.read_bytes

    def count(path: Path) -> bytes:
        read[path] += path.suffix == ".parquet"
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", count)
    assert "unreadable" in found(look(lake.root, code=1))
    assert {path for path, times in read.items() if times} >= paths
    assert all(times == 1 for path, times in read.items() if path in paths - {torn})


def test_errors_end_with_one_and_are_shown_by_rule_and_symbol(lake: Lake) -> None:
    spoil(lake)
    told = look(lake.root, code=1)
    assert found(told) == ["bad_price", "spike", "no_funding"]
    assert told["errors"] == 2
    text = run("check", "--lake", lake.root, code=1)
    for word in ("bad_price", "BADUSDT", RULES["spike"].does, "xsmom data repair"):
        assert word in text


def test_what_is_asked_for_is_what_is_looked_at(lake: Lake) -> None:
    spoil(lake)
    assert found(look(lake.root, "--symbols", "N0USDT,N1USDT")) == []
    assert found(look(lake.root, "--kind", "funding")) == ["no_funding"]
    since = look(lake.root, "--since", "2022-01-03T12:00Z", code=1)
    assert found(since) == ["spike", "no_funding"]
    assert found(look(lake.root, "--timeframe", "4h", code=1)).count("parts_missing") == 2


def test_the_limit_of_a_spike_is_the_configurations(lake: Lake) -> None:
    spoil(lake)
    assert "spike" not in found(look(lake.root, "--set", "data.max_spike_frac=5", code=1))


def test_the_limit_of_a_frozen_price_is_the_configurations(lake: Lake) -> None:
    columns = healthy(300, 9)
    for name in ("open", "high", "low", "close"):
        columns[name][100:110] = columns["close"][99]
    columns["open"][110] = columns["close"][99]
    columns["high"] = np.maximum(columns["high"], columns["open"])
    columns["low"] = np.minimum(columns["low"], columns["open"])
    columns["volume"][100:110] = columns["volume_usdt"][100:110] = 0.0
    put_bars(lake, "STILLUSDT", columns)
    assert "frozen" not in found(look(lake.root))
    assert "frozen" in found(look(lake.root, "--set", "data.max_stale_bars=5"))


def test_mark_prices_are_compared_with_last_prices(lake: Lake) -> None:
    columns = healthy(300, 0)
    columns["close"] = columns["close"] * 1.001
    columns["close"][40] *= 1.05
    put_bars(lake, "N0USDT", columns, kind="mark")
    told = look(lake.root)
    (finding,) = told["markets"][0]["findings"]
    assert (finding["rule"], finding["first_ms"]) == ("mark_apart", START_MS + 40 * HOUR_MS)


def test_a_real_mark_price_that_stood_still_is_told(shared: Path, tmp_path: Path) -> None:
    """2020-07-27: the mark of ADA stood for two hours while its last price ran away by 4 %."""
    path = shared / "data/binance_perp_mark_1h_to2024.parquet"
    if not path.exists():
        pytest.skip("needs the real mark prices beside the repository")
    from tests.unit.lake.market_lakes import FETCHED_MS, real_lake
    from xsmom.domain.stamps import parse_ms
    from xsmom.lake.series import SeriesKey, Source

    lake = real_lake(tmp_path / "lake", shared, "binance_perp_1h_long_to2024.parquet", symbols=("ADAUSDT",))
    rows = pl.scan_parquet(path).filter(pl.col("symbol") == "ADAUSDT").collect().rename({"ts": "open_ms"})
    none = pl.lit(None, dtype=pl.Float64)
    rows = rows.with_columns(none.alias(name) for name in ("open", "high", "low", "volume", "volume_usdt"))
    key = SeriesKey("binance", "mark", "1h", "ADAUSDT")
    source = Source("import", "mark", FETCHED_MS, None, int(rows["open_ms"].max()))  # type: ignore[arg-type]
    lake.merge(key, rows.select(key.columns), covered=None, source=source, replace=False)
    told = look(lake.root)
    apart = [f["first_ms"] for f in told["markets"][0]["findings"] if f["rule"] == "mark_apart"]
    assert parse_ms("2020-07-27T19:00Z") in apart
    assert len(apart) <= 3


def test_files_of_others_and_torn_files_are_seen(lake: Lake) -> None:
    key = lake.keys("acme", "bars")[0]
    (path,) = lake.part_paths(key).values()
    path.write_bytes(path.read_bytes()[:-100])
    (lake.root / "acme" / "notes.txt").write_text("mine")
    told = look(lake.root, code=1)
    assert sorted(found(told)) == ["foreign", "unreadable"]
    assert told["markets"][0]["symbols"] == ["N1USDT", "N2USDT", "N3USDT"]
    with pytest.raises(DataError):
        run("compile", "--lake", lake.root, "--out", lake.root.parent / "out.panel")


def tamper(lake: Lake) -> None:
    """Change a volume behind the manifest's back, footer kept."""
    key = lake.keys("acme", "bars")[0]
    (path,) = lake.part_paths(key).values()
    manifest = pl.read_parquet_metadata(path)
    rows = pl.read_parquet(path).with_columns(pl.col("volume_usdt") * 1.0001)
    rows.write_parquet(path, compression="zstd", metadata={"xsmom": manifest["xsmom"]})


def test_a_changed_volume_is_seen_by_its_hash_and_gets_a_manifest_that_claims_nothing(lake: Lake) -> None:
    tamper(lake)
    told = look(lake.root, code=1)
    assert found(told) == ["hash_differs"]
    planned = json.loads(run("repair", "--lake", lake.root, "--dry-run", "--json"))
    assert planned["rebuild"] == ["acme N0USDT bars 1h"]
    assert planned["done"] == []
    assert found(look(lake.root, code=1)) == ["hash_differs"]
    done = json.loads(run("repair", "--lake", lake.root, "--json"))
    assert len(done["done"]) == 1
    lake = Lake.open(lake.root)
    info = lake.info(lake.keys("acme", "bars")[0])
    assert (info.rows, info.covered) == (300, ())
    assert found(look(lake.root)) == []


def test_rows_of_files_are_left_to_their_files(tmp_path: Path) -> None:
    from xsmom.lake.series import Source

    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(300)
    columns["close"][50] = -1.0
    put_bars(lake, "AUSDT", columns, source=Source("import", "a.csv", 0, None, START_MS + 299 * HOUR_MS))
    text = run("repair", "--lake", lake.root)
    assert "1 left as it is" in text
    assert "import them again" in text


def test_leftovers_of_a_killed_writer_go(lake: Lake) -> None:
    (lake.root / "acme" / ".x.parquet.1-aa.tmp").write_bytes(b"half")
    assert found(look(lake.root)) == ["leftover"]
    assert "1 would be removed" in run("repair", "--lake", lake.root, "--dry-run")
    assert found(look(lake.root)) == ["leftover"]
    assert "1 removed" in run("repair", "--lake", lake.root)
    assert found(look(lake.root)) == []
    assert "nothing to mend" in run("repair", "--lake", lake.root)


def test_the_map_is_one_file_that_asks_for_nothing(lake: Lake, tmp_path: Path) -> None:
    spoil(lake, "<b>XUSDT")
    page = tmp_path / "check.html"
    run("check", "--lake", lake.root, "--html", page, code=1)
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert "<b>XUSDT" not in text
    assert "&lt;b&gt;XUSDT" in text
    assert 'src="http' not in text
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_coverage_counts_bars_by_their_stretch(tmp_path: Path) -> None:
    from xsmom.lake.checkup import check_market

    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(480)
    put_bars(lake, "AUSDT", {name: np.delete(column, range(100, 106)) for name, column in columns.items()})
    put_bars(lake, "BUSDT", {name: column[240:] for name, column in healthy(480, 2).items()})
    checked = check_market(lake, "acme", "1h")
    assert checked is not None
    share = checked.coverage.share
    assert checked.coverage.stretch_ms == 3 * HOUR_MS
    assert len(share["AUSDT"]) == 160
    assert np.flatnonzero(share["AUSDT"] < 1).tolist() == [33, 34, 35]
    assert np.isnan(share["BUSDT"][:80]).all()
    assert (share["BUSDT"][80:] == 1).all()
