"""What live asks for before it trades: a fresh report of the very configuration, and its cost by figure."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import xsmom as xs
from xsmom.cli.finding import Status
from xsmom.cli.permit import Terms, check_report
from xsmom.cli.preflight import refuse_failed
from xsmom.errors import ConfigError

NOW = datetime(2026, 1, 31, tzinfo=UTC)


SOUND = {"net_usdt": 100.0, "sharpe_low": 0.2, "gate": 0.97}


def write(runs, config, *, cost=0.1, days=3, synthetic=False, name="one", now=NOW, verdict="Above zero.", **figures):
    folder = runs / name
    folder.mkdir(parents=True)
    told = {
        "config": {"config_hash": config.config_hash},
        "synthetic": synthetic,
        "started": (now - timedelta(days=days)).isoformat(),
        "metrics": {"turnover_year_x": 500.0, "cost_year_frac": cost, **SOUND, **figures},
    }
    (folder / "result.json").write_text(json.dumps(told))
    if verdict is not None:
        report = {"verdict": [{"about": "verdict", "text": verdict}, {"about": "trials", "text": "One run."}]}
        (folder / "report.json").write_text(json.dumps(report))


def check(config, runs, terms=None):
    """Findings by name."""
    return {row.name: row for row in check_report(config, runs, terms or Terms(), NOW)}


def test_a_fresh_report_is_read_out(tmp_path) -> None:
    config = xs.load_config("weekly")
    write(tmp_path, config)
    found = check(config, tmp_path, Terms(equity_usdt=2_000.0))
    assert {row.status for row in found.values()} == {Status.OK}
    assert "3 of at most 30 days old" in found["report"].detail
    assert "turnover 500x a year" in found["cost"].detail
    assert "cost 10.0% of equity a year, about 200 USDT" in found["cost"].detail


def test_without_one_of_this_very_configuration_nothing_starts(tmp_path) -> None:
    config, other = xs.load_config("weekly"), xs.load_config("classic")
    for made_up in (False, True):
        write(tmp_path, config if made_up else other, synthetic=made_up, name=str(made_up))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/result.json").write_text("{")
    found = check(config, tmp_path)
    assert found["report"].status is Status.FAIL
    assert "holds no report of this very configuration" in found["report"].detail
    with pytest.raises(ConfigError, match="holds no report of this very configuration"):
        refuse_failed(list(found.values()))


@pytest.mark.parametrize(
    "figures",
    [{"net_usdt": -1.0}, {"sharpe_low": -0.1}, {"sharpe_low": None}, {"gate": 0.9}, {"gate": None}],
    ids=str,
)
def test_an_unfavourable_verdict_is_a_warning_and_stops_nothing(tmp_path, figures) -> None:
    config = xs.load_config("weekly")
    text = "Not distinguishable from luck: 3 % after costs."
    write(tmp_path, config, verdict=text, **figures)
    found = check(config, tmp_path)
    assert (found["verdict"].status, found["verdict"].detail) == (Status.WARN, text)
    assert found["verdict"].mend
    refuse_failed(list(found.values()))


def test_a_favourable_verdict_is_read_out(tmp_path) -> None:
    config = xs.load_config("weekly")
    write(tmp_path, config, verdict="Above zero on this sample: 12 % after costs.")
    found = check(config, tmp_path)["verdict"]
    assert (found.status, found.detail) == (Status.OK, "Above zero on this sample: 12 % after costs.")


@pytest.mark.parametrize("spoiled", [None, "{", "{}", '{"verdict": []}'])
def test_figures_that_no_report_judged_are_a_warning(tmp_path, spoiled) -> None:
    config = xs.load_config("weekly")
    write(tmp_path, config, verdict=None)
    if spoiled is not None:
        (tmp_path / "one/report.json").write_text(spoiled)
    found = check(config, tmp_path)["verdict"]
    assert found.status is Status.WARN
    assert "has figures and no report" in found.detail


def test_the_verdict_is_that_of_a_real_report(tmp_path, monkeypatch) -> None:
    """What `xsmom backtest` writes is what is read, word for word."""
    from xsmom.cli.main import main
    from xsmom.cli.permit import _read
    from xsmom.lake.sample import SampleMarket

    monkeypatch.chdir(tmp_path)
    SampleMarket(16, 400, 86_400_000, seed=5).write(tmp_path / "market.panel")
    given = ["--config", "weekly", "--panel", "market.panel", "--set", "universe.exclude=[]"]
    assert main(["backtest", "--fast", *given, "--out", "runs/one"]) == 0
    result = tmp_path / "runs/one/result.json"
    told = json.loads(result.read_text())
    report = json.loads(result.with_name("report.json").read_text())
    result.write_text(json.dumps({**told, "synthetic": False}))
    found = _read(result, told["config"]["config_hash"])
    assert found is not None
    assert found.verdict == report["verdict"][0]["text"]
    assert found.favourable == found.verdict.startswith("Above zero on this sample")


def test_live_report_max_age_days(tmp_path) -> None:
    config = xs.load_config("weekly", {"live.report_max_age_days": 10})
    write(tmp_path, config, days=11)
    found = check(config, tmp_path)["report"]
    assert found.status is Status.FAIL
    assert "11 days old, live accepts 10" in found.detail
    longer = xs.load_config("weekly", {"live.report_max_age_days": 12})
    assert longer.config_hash == config.config_hash
    assert check(longer, tmp_path)["report"].status is Status.OK


def test_a_report_that_ages_does_not_take_a_held_book_out_of_hands(tmp_path) -> None:
    """A crash on the thirty-first day must not leave positions without their trader."""
    config, other = xs.load_config("weekly"), xs.load_config("classic")
    write(tmp_path, config, days=31, cost=0.9)
    found = check(config, tmp_path, Terms(holding=True))
    assert (found["report"].status, found["cost"].status) == (Status.WARN, Status.WARN)
    assert check(other, tmp_path, Terms(holding=True))["report"].status is Status.FAIL


def test_a_cost_above_the_limit_has_to_be_typed(tmp_path) -> None:
    config = xs.load_config("weekly")
    write(tmp_path, config, cost=2.5)
    found = check(config, tmp_path)["cost"]
    assert found.status is Status.FAIL
    assert "--accept-annual-cost 2.5" in found.mend
    assert "cost 250.0% of equity a year" in found.detail
    assert check(config, tmp_path, Terms(accepted_frac=2.0))["cost"].status is Status.FAIL
    assert check(config, tmp_path, Terms(accepted_frac=2.51))["cost"].status is Status.OK


def test_the_cost_is_that_of_this_account(tmp_path) -> None:
    """500 times a year at two basis points more is ten percent of equity more."""
    config = xs.load_config("weekly")
    write(tmp_path, config, cost=0.2)
    assert check(config, tmp_path)["cost"].status is Status.OK
    dearer = check(config, tmp_path, Terms(fee_above_frac=2e-4))["cost"]
    assert dearer.status is Status.FAIL
    assert "cost 30.0% of equity a year (20.0% at the fees of the configuration)" in dearer.detail


def test_an_exchange_of_ones_own_asks_for_none(tmp_path) -> None:
    config = xs.load_config("weekly", {"exchange.base_url": "https://127.0.0.1:1"})
    found = check(config, tmp_path)
    assert list(found) == ["report"]
    assert "no real money" in found["report"].detail
