"""What live asks for before it trades: a fresh report of the very configuration, and its cost by figure."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import xsmom as xs
from xsmom.cli.permit import check_permit
from xsmom.errors import ConfigError

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def write(runs, config, *, cost=0.1, days=3, synthetic=False, name="one"):
    folder = runs / name
    folder.mkdir(parents=True)
    told = {
        "config": {"config_hash": config.config_hash},
        "synthetic": synthetic,
        "started": (NOW - timedelta(days=days)).isoformat(),
        "metrics": {"turnover_year_x": 500.0, "cost_year_frac": cost},
    }
    (folder / "result.json").write_text(json.dumps(told))


def test_a_fresh_report_is_read_out(tmp_path) -> None:
    config = xs.load_config("weekly")
    write(tmp_path, config)
    (line,) = check_permit(config, tmp_path, None, NOW)
    assert "turnover 500x a year" in line
    assert "cost 10.0% of equity a year" in line


def test_without_one_of_this_very_configuration_nothing_starts(tmp_path) -> None:
    config, other = xs.load_config("weekly"), xs.load_config("classic")
    for made_up in (False, True):
        write(tmp_path, config if made_up else other, synthetic=made_up, name=str(made_up))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/result.json").write_text("{")
    with pytest.raises(ConfigError, match="holds no report of this very configuration"):
        check_permit(config, tmp_path, None, NOW)


def test_live_report_max_age_days(tmp_path) -> None:
    config = xs.load_config("weekly", {"live.report_max_age_days": 10})
    write(tmp_path, config, days=11)
    with pytest.raises(ConfigError, match="11 days old, live accepts 10"):
        check_permit(config, tmp_path, None, NOW)
    longer = xs.load_config("weekly", {"live.report_max_age_days": 12})
    assert longer.config_hash == config.config_hash
    assert check_permit(longer, tmp_path, None, NOW)


def test_a_cost_above_the_limit_has_to_be_typed(tmp_path) -> None:
    config = xs.load_config("weekly")
    write(tmp_path, config, cost=2.5)
    with pytest.raises(ConfigError, match=r"--accept-annual-cost 2\.5"):
        check_permit(config, tmp_path, None, NOW)
    with pytest.raises(ConfigError, match=r"costs 250\.0% of equity a year"):
        check_permit(config, tmp_path, 2.0, NOW)
    assert check_permit(config, tmp_path, 2.51, NOW)


def test_an_exchange_of_ones_own_asks_for_none(tmp_path) -> None:
    config = xs.load_config("weekly", {"exchange.base_url": "https://127.0.0.1:1"})
    assert "no real money" in check_permit(config, tmp_path, None, NOW)[0]
