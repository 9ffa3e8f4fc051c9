"""`xsmom data compile` and `universe`, and a backtest on a lake, from the command line on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.unit.lake.market_lakes import healthy_lake, put_bars
from tests.unit.lake.market_rows import DAY_MS, HOUR_MS, START_MS, healthy
from xsmom.cli import backtest
from xsmom.cli.data import app
from xsmom.config.load import load_config
from xsmom.domain.stamps import format_ms
from xsmom.errors import DataError
from xsmom.kernel import Params, decide, features_last
from xsmom.lake.panel import Panel
from xsmom.lake.sample import SampleMarket
from xsmom.lake.store import Lake
from xsmom.research.decision import blank_book, decide_at
from xsmom.research.universe import INELIGIBLE, universe_at


def run(*arguments: object, command: Any = app, code: int = 0) -> str:
    outcome = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == code, outcome.output
    return outcome.output


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return healthy_lake(tmp_path / "lake", names=6, bars=1_500)


def test_a_panel_is_written_and_told(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "out.panel"
    told = json.loads(run("compile", "--lake", lake.root, "--out", out, "--json"))
    panel = Panel.open(out, verify=True)
    assert (told["bars"], told["hash"], told["symbols"]) == (1_500, panel.hash, list(panel.symbols))
    assert told["findings"] == []
    text = run("compile", "--lake", lake.root, "--out", out, "--timeframe", "4h", "--symbols", "N0USDT,N3USDT")
    assert "375 bars of 4h, 2 instruments" in text
    assert Panel.open(out).symbols == ("N0USDT", "N3USDT")


def test_days_are_whole_days(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "out.panel"
    run("compile", "--lake", lake.root, "--out", out, "--from", "2022-01-05", "--to", "2022-01-06")
    panel = Panel.open(out)
    assert panel.bars == 48
    assert int(panel.close_ms[0]) == START_MS + 4 * DAY_MS + HOUR_MS


def test_a_rename_of_ones_own_joins_two_tickers(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path / "lake", create=True)
    columns = healthy(400)
    put_bars(lake, "OLDUSDT", {name: column[:200] for name, column in columns.items()})
    put_bars(lake, "NEWUSDT", {name: column[210:] for name, column in columns.items()})
    out = tmp_path / "out.panel"
    renames = 'universe.renames={"OLDUSDT": "NEWUSDT"}'
    told = json.loads(run("compile", "--lake", lake.root, "--out", out, "--set", renames, "--json"))
    assert told["symbols"] == ["NEWUSDT"]
    assert [finding["rule"] for finding in told["findings"]].count("renamed") == 1
    np.testing.assert_array_equal(Panel.open(out).close[:200, 0], columns["close"][:200])


def test_one_of_several_venues_has_to_be_chosen(lake: Lake, tmp_path: Path) -> None:
    put_bars(lake, "AUSDT", healthy(), venue="other")
    with pytest.raises(DataError, match="has acme, other; choose one by --venue"):
        run("compile", "--lake", lake.root, "--out", tmp_path / "out.panel")
    with pytest.raises(DataError, match="holds no bars from nobody; it has acme, other"):
        run("compile", "--lake", lake.root, "--venue", "nobody", "--out", tmp_path / "out.panel")
    run("compile", "--lake", lake.root, "--venue", "other", "--out", tmp_path / "out.panel")


# --- the universe -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = SampleMarket(24, 24 * 120, HOUR_MS, 5).build()
    cells: dict[str, Any] = {
        name: getattr(made, name) for name in ("open", "high", "low", "close", "volume_usdt", "funding_frac")
    }
    symbols = ["USDCUSDT", "PAXGUSDT", *made.symbols[2:]]
    dates: dict[str, Any] = {"listed_ms": made.listed_ms, "delisted_ms": made.delisted_ms}
    path = tmp_path_factory.mktemp("universe") / "market.panel"
    Panel.from_arrays(close_ms=made.close_ms, symbols=symbols, **cells, **dates).save(path)
    return path


SETTINGS = ("--config", "classic", "--set", "universe.max_symbols=10", "--set", "universe.min_age_days=30")


def universe(market: Path, *more: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("universe", "--panel", market, *SETTINGS, "--json", *more))
    return told


def test_the_mask_is_the_cores_own(market: Path) -> None:
    """The core is asked once more, with a flat book: who it calls ineligible is who is shown so."""
    told = universe(market)
    config = load_config("classic", {"universe.max_symbols": 10, "universe.min_age_days": 30})
    params: dict[str, Any] = config.params()
    decision = decide_at(Panel.open(market), params)
    row = features_last(decision.panel, Params(**params))
    book = blank_book(decision, np.zeros(24))
    _, codes, _ = decide(dict(row), book, dict(decision.state_before), Params(**params), decision.panel)
    from xsmom.kernel import REASONS

    reasons = {name: REASONS[int(code)] for name, code in zip(decision.panel.symbols, codes, strict=True)}
    assert told["decided_ms"] == decision.close_ms
    for member in told["members"]:
        assert member["eligible"] == (reasons[member["symbol"]] not in INELIGIBLE)
        if not member["eligible"]:
            assert member["reason"] in {reasons[member["symbol"]], "stale"}
    assert told["eligible"] == sum(member["eligible"] for member in told["members"]) > 3


def test_reasons_ranks_and_ages(market: Path) -> None:
    told = universe(market)
    by_name = {member["symbol"]: member for member in told["members"]}
    for name in ("USDCUSDT", "PAXGUSDT"):
        assert (by_name[name]["reason"], by_name[name]["eligible"]) == ("excluded", False)
    ranked = [member for member in told["members"] if member["rank"]]
    assert sorted(member["rank"] for member in ranked) == list(range(1, len(ranked) + 1))
    ranked.sort(key=lambda member: member["rank"])
    volumes = [member["dollar_volume_usdt"] for member in ranked]
    assert volumes == sorted(volumes, reverse=True)
    for member in told["members"]:
        if member["age_days"] is not None:
            assert member["age_days"] == pytest.approx((told["decided_ms"] - member["listed_ms"]) / DAY_MS)
        if member["reason"] == "too_young":
            assert member["age_days"] < 30
    assert {"outside_top_n", "excluded"} <= {member["reason"] for member in told["members"]}


def test_the_past_does_not_know_the_future(market: Path, tmp_path: Path) -> None:
    """The mask of a day is the same when the data end on that day."""
    panel = Panel.open(market)
    at = int(panel.close_ms[24 * 90])
    cut = tmp_path / "cut.panel"
    panel.slice(0, 24 * 90 + 1).save(cut)
    whole, short = universe(market, "--at", format_ms(at).replace(" ", "T")), universe(cut)
    drop = ("panel_hash", "source")
    assert {k: v for k, v in whole.items() if k not in drop} == {k: v for k, v in short.items() if k not in drop}


def test_volume_is_shown_though_no_rule_asks_for_it(market: Path) -> None:
    params: dict[str, Any] = load_config("classic", {"universe.max_symbols": 0}).params()
    found = universe_at(Panel.open(market), params)
    assert any(member.rank == 1 for member in found.members)


def test_a_table_for_people(market: Path) -> None:
    text = run("universe", "--panel", market, *SETTINGS)
    assert "of 24 names may be traded" in text
    assert "On the list of excluded symbols." in text


# --- a backtest on a lake ---------------------------------------------------------------------


def test_a_backtest_compiles_the_lake_once(lake: Lake, tmp_path: Path) -> None:
    arguments = ("--fast", "--data", lake.root, "--config", "classic", "--timeframe", "1h", "--no-report", "--json")
    small = ("--set", "strategy.regime_filter.enabled=false")
    first = json.loads(run(*arguments, *small, "--out", tmp_path / "a", command=backtest.app))
    kept = list((lake.root / ".panels").iterdir())
    second = json.loads(run(*arguments, *small, "--out", tmp_path / "b", command=backtest.app))
    assert list((lake.root / ".panels").iterdir()) == kept
    assert first["panel"]["hash"] == second["panel"]["hash"] == Panel.open(kept[0]).hash
    assert first["panel"]["path"] == str(lake.root)
    four = json.loads(
        run("--fast", "--data", lake.root, "--config", "classic", "--timeframe", "4h", "--no-report", "--json", *small,
            "--set", "strategy.lookbacks=[3, 6, 12, 24]", "--out", tmp_path / "c", command=backtest.app)
    )  # fmt: skip
    assert four["panel"]["timeframe"] == "4h"


def test_panel_and_lake_are_not_given_both(lake: Lake, tmp_path: Path) -> None:
    assert "give one of --panel and --data" in run(
        "--fast", "--data", lake.root, "--panel", tmp_path / "x", command=backtest.app, code=2
    )
    assert "give --data too" in run("--fast", "--venue", "acme", command=backtest.app, code=2)
