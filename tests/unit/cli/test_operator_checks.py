"""What `xsmom doctor` tells an operator: keys, journals, lake, and the exchange as the configuration reaches it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.cli.played import Played
from xsmom.cli import checks
from xsmom.cli.checks import Place
from xsmom.cli.finding import Finding, Status
from xsmom.cli.main import main

KEY, SECRET = "XSMOM__EXCHANGE__API_KEY", "XSMOM__EXCHANGE__API_SECRET"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    for name in (KEY, SECRET):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("strategy: {timeframe: 1h}\n")
    return Place(tmp_path, path)


def rows(check, place: Place) -> dict[str, Finding]:
    return {row.name: row for row in check(place)}


def test_nothing_configured_is_no_fault(place: Place) -> None:
    for at in (place, Place(place.folder, None)):
        for check in (checks.check_keys, checks.check_database, checks.check_lake):
            (found,) = check(at)
            assert found.status is Status.OK
            assert "not configured" in found.detail or "no journal yet" in found.detail


def test_keys(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "kkkkkkkk")
    half = rows(checks.check_keys, place)["keys"]
    assert half.status is Status.FAIL
    assert f"{SECRET} is missing" in half.detail
    monkeypatch.setenv(SECRET, "ssssssss")
    whole = rows(checks.check_keys, place)["keys"]
    assert whole.status is Status.OK
    assert "kkkkkkkk" not in whole.detail


def test_a_configuration_that_is_not_valid_is_told_once(place: Place) -> None:
    (place.folder / "config.yaml").write_text("strategy: {timeframe: soon}\n")
    assert rows(checks.check_config, place)["config"].status is Status.FAIL
    assert rows(checks.check_database, place)["database"].status is Status.OK


def test_database(trader: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(trader.folder, trader.folder / "config.yaml")
    found = rows(checks.check_database, place)["database paper"]
    assert found.status is Status.OK
    assert f"{trader.book.seq:,} entries" in found.detail
    assert "written by process" in found.detail
    monkeypatch.setattr("xsmom.store.look.REVISIONS", ("0001", "0002", "0003"))
    assert rows(checks.check_database, place)["database paper"].status is Status.WARN
    monkeypatch.setattr("xsmom.store.schema.REVISIONS", ("0000",))
    newer = rows(checks.check_database, place)["database paper"]
    assert newer.status is Status.FAIL
    assert "upgrade the package" in newer.detail


def test_a_database_that_is_none(place: Place) -> None:
    folder = place.folder / "state"
    folder.mkdir()
    (folder / "journal.sqlite3").write_text("this is a text and no database, long enough to be looked at" * 20)
    found = rows(checks.check_database, place)["database live"]
    assert found.status is Status.FAIL
    assert "journal.sqlite3" in found.detail


def lake_of(place: Place, last_ms: int) -> None:
    """One series of the usual layout."""
    bars = place.folder / "bars"
    bars.mkdir()
    first_ms = last_ms - 48 * 3_600_000
    lines = [f"{first_ms + at * 3_600_000},100,101,99,100,5" for at in range(48)]
    (bars / "BTCUSDT-1h.csv").write_text("timestamp,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    assert main(["data", "import", str(bars), "--venue", "bybit", "--lake", str(place.folder / "lake")]) == 0


def test_lake(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.folder / "lake").mkdir()
    assert rows(checks.check_lake, place)["lake"].status is Status.WARN
    (place.folder / "lake").rmdir()
    lake_of(place, time.time_ns() // 1_000_000 // 3_600_000 * 3_600_000)
    capsys.readouterr()
    fresh = rows(checks.check_lake, place)["lake"]
    assert (fresh.status, fresh.detail) == (Status.OK, "lake: 1 series, up to date")
    (part,) = (place.folder / "lake").rglob("*.parquet")
    part.write_bytes(part.read_bytes()[:40])
    broken = rows(checks.check_lake, place)["lake"]
    assert broken.status is Status.FAIL
    assert "1 broken, such as BTCUSDT" in broken.detail


def test_an_old_lake(place: Place) -> None:
    lake_of(place, 1_700_000_000_000 // 3_600_000 * 3_600_000)
    assert rows(checks.check_lake, place)["lake"].status is Status.WARN


def test_the_exchange_is_reached_as_configured(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, and nobody else is asked."""
    monkeypatch.setattr("xsmom.venues.wire._PAUSES_S", ())
    (place.folder / "config.yaml").write_text("exchange: {base_url: 'http://127.0.0.1:9'}\n")
    asked = Place(place.folder, place.config, "bybit")
    found = rows(checks.check_exchange, asked)["exchange"]
    assert found.status is Status.FAIL
    assert list(checks.check_exchange(place)) == []


def test_a_trader_does_without_a_lake(place: Place) -> None:
    (place.folder / "lake").mkdir()
    assert "lake" in {row.name for row in checks.run_checks(place.folder, None)}
    assert "lake" not in {row.name for row in checks.run_checks(place.folder, None, trading=True)}


def test_json_has_them(place: Place) -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "xsmom", "doctor", "--config", "config.yaml", "--json"],
        cwd=place.folder, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    names = {row["name"] for row in json.loads(answer.stdout)["checks"]}
    assert {"keys", "database", "lake", "config", "clock"} <= names
