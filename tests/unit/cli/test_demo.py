"""`xsmom demo`: what it shows was computed, and what it writes is whole."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsmom.cli.choice import sample_market
from xsmom.cli.main import main
from xsmom.config.load import load_config
from xsmom.config.profiles import read_profile_text
from xsmom.kernel import Params, model_book, model_weights
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.research.picture import COLUMNS_MAX, book_picture, price_index

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def params() -> dict[str, Any]:
    return load_config("weekly", env={}).params()


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in ("demo", "--live-bars", "0", *arguments)])


def test_what_is_shown_is_what_the_core_decides(
    tmp_path: Path, params: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--out", tmp_path / "d", "--seed", "11", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    panel = Panel.open(told["panel"], verify=True)
    assert panel.hash == told["panel_hash"] == sample_market(DAY_MS, 11).build().hash
    book = model_book(panel, Params(**params))
    wanted = {panel.symbols[i]: float(book["weight_frac"][i]) for i in np.flatnonzero(book["weight_frac"])}
    assert {row["symbol"]: row["weight_frac"] for row in told["targets"]} == wanted
    assert sum(told["reasons"].values()) == len(panel.symbols)
    assert Path(told["config"]).read_text("utf-8") == read_profile_text("weekly")


def test_the_next_commands_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--out", tmp_path / "with space") == 0
    told = capsys.readouterr().out
    assert "synthetic" in told
    commands = [line.strip() for line in told.splitlines() if line.startswith("  xsmom ")]
    assert len(commands) == 3
    for command in commands[:2]:
        assert main(shlex.split(command)[1:]) == 0, command
    assert f"panel    {tmp_path / 'with space' / 'sample.panel'}" in told


def test_it_runs_again_in_its_own_folder_and_leaves_nothing_half(tmp_path: Path) -> None:
    for profile in ("weekly", "classic", "weekly"):
        assert run("--out", tmp_path, "--profile", profile) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.yaml",
        "model-book.html",
        "report.html",
        "report.json",
        "sample.panel",
    ]
    assert Panel.open(tmp_path / "sample.panel").bar_ms == DAY_MS


def test_nothing_of_the_users_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("strategy:\n  k_max: 3\n")
    assert run("--out", tmp_path) == 6
    assert capsys.readouterr().err.startswith(f"xsmom: {config} has been edited")
    config.unlink()
    market = SampleMarket(symbols=3, bars=5).build()
    market.save(tmp_path / "sample.panel", provenance={"source": "my own"})
    assert run("--out", tmp_path) == 6
    assert "is no sample of the demo" in capsys.readouterr().err
    assert Panel.open(tmp_path / "sample.panel").hash == market.hash


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("--out", tmp_path / "file" / "d") == 6
    assert "cannot be used" in capsys.readouterr().err


def test_the_picture_needs_no_network_and_holds_the_weights(params: dict[str, Any]) -> None:
    panel = SampleMarket(symbols=30, bars=COLUMNS_MAX + 120, bar_ms=DAY_MS, seed=2).build()
    weights = model_weights(panel, Params(**params))
    text = book_picture(panel, weights, f"Model book on a {panel.label}")
    assert 'src="http' not in text
    assert "synthetic sample, seed 2" in text
    assert "(one bar in 2 drawn)" in text
    for i in np.flatnonzero(weights.any(axis=0)):
        assert f'"{panel.symbols[i]}"' in text


def test_the_index_is_the_mean_of_present_returns() -> None:
    close = np.array([[10.0, np.nan], [11.0, 50.0], [np.nan, 60.0], [np.nan, np.nan], [22.0, 30.0]])
    panel = Panel.from_arrays(
        close_ms=1_700_006_400_000 + DAY_MS * np.arange(5),
        symbols=("A", "B"),
        open=close,
        high=close,
        low=close,
        close=close,
        volume_usdt=np.where(np.isnan(close), np.nan, 1.0),
        bar_ms=DAY_MS,
    )
    np.testing.assert_allclose(price_index(panel), [100, 110, 132, 132, 132])
