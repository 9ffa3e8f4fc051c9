"""Download, spoil, check, repair, compile: the commands against a server that speaks the exchange's protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.exchange.market import HOUR_MS, START_MS, Contract, bars
from tests.exchange.server import Server
from xsmom.cli.main import main
from xsmom.lake.panel import Panel
from xsmom.lake.series import SeriesKey, Source
from xsmom.lake.store import Lake

NOW_MS = START_MS + 40 * 24 * HOUR_MS + 5_000


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    assert main(["data", *map(str, arguments), "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.slow
def test_what_was_spoiled_is_fetched_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "lake"
    contracts = [Contract("AAAUSDT"), Contract("BBBUSDT", outages=[(START_MS + 50 * HOUR_MS, START_MS + 53 * HOUR_MS)])]
    with Server(contracts, now_ms=NOW_MS) as server:
        told(capsys, "download", "--lake", root, "--since", "2023-01-01", "--server", server.base_url)
        clean = told(capsys, "check", "--lake", root)
        found = [(f["symbol"], f["rule"]) for f in clean["markets"][0]["findings"] if f["rule"] != "jitter"]
        assert found == [("BBBUSDT", "gap")]

        lake = Lake.open(root)
        key = SeriesKey("bybit", "bars", "1h", "AAAUSDT")
        stamp = START_MS + 100 * HOUR_MS
        other = lake.read(key, stamp, stamp + HOUR_MS).with_columns(pl.col("close") * 1.001, pl.col("high") * 1.01)
        lake.merge(key, other, covered=None, source=Source("import", "elsewhere", 0), replace=False)
        spoiled = told(capsys, "check", "--lake", root, code=1)
        assert [f["rule"] for f in spoiled["markets"][0]["findings"]].count("conflict") == 1

        planned = told(capsys, "repair", "--lake", root, "--server", server.base_url, "--dry-run")
        assert [mend["why"] for mend in planned["fetch"]] == ["conflict"]
        told(capsys, "check", "--lake", root, code=1)
        done = told(capsys, "repair", "--lake", root, "--server", server.base_url)
        assert len(done["done"]) == 1
        assert done["left"] == []
        told(capsys, "check", "--lake", root)
    out = tmp_path / "market.panel"
    made = told(capsys, "compile", "--lake", root, "--out", out)
    assert made["symbols"] == ["AAAUSDT", "BBBUSDT"]
    panel = Panel.open(out, verify=True)
    for number, contract in enumerate(contracts):
        for row in bars(contract, HOUR_MS, START_MS, NOW_MS - HOUR_MS, NOW_MS):
            place = (int(row[0]) - START_MS) // HOUR_MS
            assert panel.close[place, number] == float(row[4])
    assert panel.bars == 40 * 24


@pytest.mark.slow
def test_an_exchange_that_is_away_leaves_the_lake_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "lake"
    with Server([Contract("AAAUSDT")], now_ms=NOW_MS) as server:
        told(
            capsys, "download", "--lake", root, "--since", "2023-02-01", "--kinds", "ohlcv", "--server", server.base_url
        )
        address = server.base_url
    lake = Lake.open(root)
    key = SeriesKey("bybit", "bars", "1h", "AAAUSDT")
    first = int(lake.read(key)["open_ms"][0])
    bad = lake.read(key, first, first + HOUR_MS).with_columns(pl.col("close") + 0.01, pl.col("high") + 0.1)
    lake.merge(key, bad, covered=None, source=Source("import", "elsewhere", 0), replace=False)
    before = lake.read(key)
    left = told(capsys, "repair", "--lake", root, "--server", address)["left"]
    assert len(left) == 1
    assert "nothing was fetched" in left[0]
    assert Lake.open(root).read(key).equals(before)
