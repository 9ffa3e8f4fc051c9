"""Real files import as they are: row for row what polars reads; and what holds no market is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from xsmom.lake.imports.intake import Intake
from xsmom.lake.imports.wishes import Wishes
from xsmom.lake.series import BAR_COLUMNS
from xsmom.lake.store import Lake

REFUSED = {
    "cmc_monthly_top200_2020_2025.parquet": "has a close but no open, high, low",
    "french_monthly_dev.parquet": "has neither prices of bars nor funding rates",
    "ticks/binance_btcusdt_trades_nautilus.parquet": "holds single trades",
    "ticks/binance_usdm_ethusdt_20240808.gz": "is of no kind that is read here",
    "ticks/bybit_xrpusdt_ob500.data.zip": "is of no kind that is read here",
}
SMALL = ("binance_perp_mark", "binance_perp_1h_long", "binance_perp_1d", "funding_", "binance_spot_1h_basis")


@pytest.fixture(scope="module")
def names(shared: Path) -> list[str]:
    return [row["file"] for row in json.loads((shared / "data/MANIFEST.json").read_text("utf-8"))["files"]]


def understood(path: Path) -> Intake:
    intake = Intake([path], Wishes())
    intake.understand(lambda _done, _total: None)
    return intake


def test_what_holds_no_market_is_refused(shared: Path, names: list[str]) -> None:
    assert set(REFUSED) <= set(names)
    for name, words in REFUSED.items():
        (refusal,) = understood(shared / "data" / name).refused
        assert words in str(refusal.error)


@pytest.mark.slow
def test_every_market_file_is_stored_row_for_row(shared: Path, names: list[str], tmp_path: Path, proof: bool) -> None:
    for name in sorted(set(names) - set(REFUSED)):
        intake = understood(shared / "data" / name)
        assert intake.refused == []
        if not proof and not name.startswith(SMALL):
            continue
        lake = Lake.open(tmp_path / name, create=True)
        assert list(intake.write(lake, 1, lambda _done, _total: None))
        keys = lake.keys()
        stamp = keys[0].stamp
        ours = pl.concat([lake.read(key).select(pl.lit(key.symbol).alias("symbol"), pl.all()) for key in keys])
        names_of = {"ts": stamp, "rate": "rate_frac", "quote_volume": "volume_usdt"}
        theirs = pl.read_parquet(shared / "data" / name).rename(names_of, strict=False)
        theirs = theirs.select(
            column for column in theirs.columns if column in {"symbol", "at_ms", "rate_frac", *BAR_COLUMNS}
        )
        theirs = theirs.unique().sort(theirs.columns)
        assert_frame_equal(ours.select(theirs.columns), theirs)
        assert all(lake.verify(key) == [] for key in keys)
