"""`xsmom config …` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xsmom.cli.config import app
from xsmom.config.load import load_config
from xsmom.config.reference import reference_page
from xsmom.errors import ConfigError, DataError, OutputError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XSMOM_ENV", raising=False)
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, ConfigError | DataError | OutputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_check_says_that_a_file_can_be_used(folder: Path) -> None:
    (folder / "config.yaml").write_text("strategy: {max_weight_short: 0.04, k_max: 20, lookback_weights: [2, 1, 1, 0]}")
    lines = run("check").splitlines()
    assert lines[0] == "note: strategy.lookback_weights sum to 4; used as 0.5, 0.25, 0.25, 0"
    assert lines[-1].startswith("config.yaml: can be used (config hash ")
    assert not [line for line in lines if line.startswith("warning")]


def test_check_prints_warnings() -> None:
    assert "warning: a short at its cap whose price triples costs 40% of equity" in run("check", "classic")


def test_check_as_json() -> None:
    document = json.loads(run("check", "weekly", "--json"))
    assert document["ok"] is True
    assert document["config_hash"] == load_config("weekly", env={}).config_hash
    assert document["warnings"] == []


def test_check_says_what_an_equity_carries(folder: Path) -> None:
    from xsmom.lake.sample import SampleMarket

    SampleMarket(12, 900, 3_600_000, seed=4).write(folder / "market.panel")
    given = ("check", "classic", "--panel", "market.panel")
    text = run(*given, "--equity", "500")
    assert "at 500.00 USDT, on market.panel, " in text
    assert "contracts of 12 names are assumed" in text
    assert "least equity 50.00 USDT, which carries 4 names: this is enough" in text
    told = json.loads(run(*given, "--equity", "500", "--json"))["equity"]
    assert told["enough"] is True
    assert (told["contracts_told"], told["contracts_assumed"]) == (0, 12)
    assert {"symbol", "order_usdt_min", "affordable", "weight_frac", "lots", "value_usdt"} == set(told["names"][0])
    poor = CliRunner().invoke(app, [*given, "--equity", "20"])
    assert poor.exit_code == 1
    assert "NOT ENOUGH: 4 names want at least 50.00 USDT" in poor.output
    assert CliRunner().invoke(app, [*given]).exit_code == 2, "a market without an equity is a mistake"


def test_check_counts_how_often_guards_fire(folder: Path) -> None:
    from tests.unit.live.test_firings import SETTINGS
    from xsmom.lake.sample import SampleMarket

    SampleMarket(8, 200, 4 * 3_600_000, seed=5, momentum=1.0).write(folder / "market.panel")
    plain = [f"{key}={json.dumps(one)}" for key, one in SETTINGS.items()]
    sets = [part for text in [*plain, "risk.max_daily_loss_pct=2"] for part in ("--set", text)]
    given = ("check", "classic", "--panel", "market.panel", "--firings", *sets)
    told = json.loads(run(*given, "--json"))["firings"]
    (row,) = [one for one in told["guards"] if one["guard"] == "daily_loss"]
    assert (row["on"], row["limit"], row["setting"]) == (True, 2, "risk.max_daily_loss_pct")
    assert row["a_month"] == row["firings"] / told["months"] > 0
    text = run(*given)
    assert "firings of guards on market.panel, " in text
    (line,) = [one for one in text.splitlines() if one.startswith("daily_loss")]
    assert line.split()[:6] == [
        "daily_loss",
        "risk.max_daily_loss_pct",
        "2",
        f"{row['a_month']:.2f}",
        f"{row['firings']}",
        "a",
    ]
    assert "off: emergency_loss, drawdown, longterm_drawdown, " in text
    assert "this market is made up (synthetic sample, seed 5, momentum 1)" in text
    assert "months are too few" in text
    assert "how often its guards would fire is told by --firings" not in text
    assert "how often its guards would fire is told by --firings" in run("check", "classic")


def test_firings_say_what_ended_the_count_and_who_was_blind() -> None:
    from xsmom.cli.firings import _caveats

    told = {
        "label": "",
        "ended_by": "drawdown",
        "until_ms": 0,
        "months": 7.0,
        "guards": [{"guard": "cvar", "blind_bars": 3}],
    }
    first, second, third = _caveats(told)
    assert first.startswith("counted up to 1970-01-01 00:00Z only: the drawdown guard closed everything")
    assert second.startswith("cvar could not be evaluated at 3 closes")
    assert third.startswith("not counted: gates on facts of an account")


def test_check_counts_only_on_a_market_that_fits(folder: Path) -> None:
    from xsmom.lake.sample import SampleMarket

    SampleMarket(4, 30, 86_400_000, seed=5).write(folder / "short.panel")
    with pytest.raises(DataError, match="the panel has 30 bars and this configuration looks back on"):
        run("check", "weekly", "--panel", "short.panel", "--firings")
    with pytest.raises(ConfigError, match="the panel has bars of 1d"):
        run("check", "classic", "--panel", "short.panel", "--firings")


def test_check_takes_the_contracts_that_a_lake_knows(folder: Path) -> None:
    from dataclasses import replace
    from decimal import Decimal

    from tests.unit.lake.market_lakes import healthy_lake
    from xsmom.domain.contracts import make_instruments
    from xsmom.lake.sample import SampleMarket

    lake = healthy_lake(folder / "lake", names=6)
    (one, *_) = make_instruments(SampleMarket(2, 10, 3_600_000, seed=1, churn=False).build()).values()
    lake.write_instruments("acme", [replace(one, symbol="N1USDT", notional_usdt_min=Decimal(700))], 1)
    small = ("--set", "universe.min_age_days=0", "--set", "strategy.lookbacks=[2,4,8,16]", "--set", "strategy.k_min=1")
    told = json.loads(run("check", "classic", "--equity", "1000", "--data", "lake", *small, "--json"))["equity"]
    assert (told["contracts_told"], told["contracts_assumed"]) == (1, 5)
    needs = {name["symbol"]: (name["order_usdt_min"], name["affordable"]) for name in told["names"]}
    assert needs["N1USDT"] == (700.0, False)
    assert needs["N2USDT"][1] is True


def test_check_of_a_bad_file_ends_with_3(folder: Path) -> None:
    (folder / "config.yaml").write_text("strategy:\n  k_mx: 4\nexchange:\n  api_key: hunter2-canary\n")
    with pytest.raises(ConfigError) as caught:
        run("check")
    assert str(caught.value).splitlines()[0] == (
        "config.yaml:2: strategy.k_mx is not a setting (got 4); did you mean strategy.k_max?"
    )
    result = CliRunner().invoke(app, ["check", "--json"])
    assert result.exit_code == 3
    document = json.loads(result.output)
    assert document["ok"] is False
    assert document["mistakes"] == str(caught.value).splitlines()
    assert "hunter2" not in result.output


def test_without_a_file_the_mend_is_named() -> None:
    for command in ("check", "show"):
        with pytest.raises(ConfigError, match="`xsmom init DIR` makes a folder with one"):
            run(command)


def test_overrides_and_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config.yaml").write_text("strategy: {k_max: 5}")
    (folder / "config.staging.yaml").write_text("strategy: {k_max: 6}")
    assert "  k_max: 6  # config.staging.yaml:1" in run("show", "--env", "staging", "--origin")
    monkeypatch.setenv("XSMOM__STRATEGY__K_MAX", "7")
    assert "  k_max: 7  # environment variable XSMOM__STRATEGY__K_MAX" in run("show", "--origin")
    assert "  k_max: 8  # --set" in run("show", "--origin", "--set", "strategy.k_max=8")


def test_what_show_prints_can_be_loaded(folder: Path) -> None:
    (folder / "shown.yaml").write_text(run("show", "weekly"))
    assert load_config("shown.yaml", env={}).config_hash == load_config("weekly", env={}).config_hash


def test_show_resolved() -> None:
    lines = run("show", "classic", "--resolved").splitlines()
    assert "bar_ms: 3600000" in lines
    assert "daily_loss_max_frac: 0.05" in lines
    assert "note: strategy.gross_hard_cap is left out; used as 2.1" in lines[0]
    document: dict[str, Any] = json.loads(run("show", "classic", "--resolved", "--json"))
    assert document["params"]["gross_hard_cap_x"] == 2.1
    settings = json.loads(run("show", "classic", "--json", "--origin"))
    assert settings["settings"]["strategy.k_max"] == 4
    assert settings["origins"]["strategy.k_max"].startswith("profile classic:")
    assert settings["origins"]["strategy.skip_bars"] == "default"


def test_diff(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.yaml").write_text("strategy: {k_max: 5, lookback_weights: [4, 3, 2, 1]}")
    (folder / "b.yaml").write_text("strategy: {k_max: 6, lookback_weights: [4, 3, 2, 1]}")
    monkeypatch.setenv("XSMOM__STRATEGY__K_MAX", "9")
    assert run("diff", "a.yaml", "b.yaml") == "strategy.k_max: 5 -> 6\n1 settings differ.\n"
    (folder / "b.yaml").write_text("strategy: {k_max: 5}")
    assert run("diff", "a.yaml", "b.yaml") == (
        "strategy.lookback_weights: [4.0, 3.0, 2.0, 1.0] -> [0.4, 0.3, 0.2, 0.1]\nBoth behave the same.\n"
    )
    document = json.loads(run("diff", "classic", "weekly", "--json"))
    assert document["same_behaviour"] is False
    assert {"name": "strategy.timeframe", "before": "1h", "after": "1d"} in document["changed"]


def test_docs_and_schema(folder: Path) -> None:
    assert run("docs") == reference_page()
    run("docs", "--out", "page.md")
    assert (folder / "page.md").read_text() == reference_page()
    assert json.loads(run("schema"))["additionalProperties"] is False
    with pytest.raises(OutputError, match=r"no/such/page\.md cannot be written: No such file or directory"):
        run("docs", "--out", "no/such/page.md")
    assert sorted(path.name for path in folder.iterdir()) == ["page.md"]


def test_help_does_not_build_the_models() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from xsmom.cli.config import app\n"
        "out = CliRunner().invoke(app, ['check', '--help']).output\n"
        "assert 'Examples' in out, out\n"
        "heavy = ('xsmom.config', 'ruamel', 'numpy', 'polars')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
