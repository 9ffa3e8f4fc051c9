"""Settings of the watchdog, each seen to act; and what contradicts itself is refused."""

import pytest

import xsmom as xs
from xsmom.engine.watchdog import WatchRules
from xsmom.errors import ConfigError
from xsmom.live.watchdog.wiring import make_watchdog, watchdog_access
from xsmom.live.wiring import refuse_dead_man
from xsmom.venues.roster import TABLES

KEYS = {
    "XSMOM__EXCHANGE__API_KEY": "traders-key",
    "XSMOM__EXCHANGE__API_SECRET": "traders-secret",
    "XSMOM__EXCHANGE__WATCHDOG_API_KEY": "dogs-key",
    "XSMOM__EXCHANGE__WATCHDOG_API_SECRET": "dogs-secret",
}


def config(given=None, **env):
    return xs.load_config("weekly", given or {}, env=env)


def test_it_signs_with_a_key_of_its_own() -> None:
    keys = watchdog_access(config(**KEYS)).keys
    assert keys is not None
    assert keys.api_key.get_secret_value() == "dogs-key"
    assert keys.api_secret.get_secret_value() == "dogs-secret"


def test_the_traders_key_is_not_taken_in_its_place() -> None:
    alone = {name: value for name, value in KEYS.items() if "WATCHDOG" not in name}
    with pytest.raises(ConfigError, match="no key for the watchdog"):
        watchdog_access(config(**alone))
    with pytest.raises(ConfigError, match=r"watchdog_api_key is the trader's own key"):
        config(**{**KEYS, "XSMOM__EXCHANGE__WATCHDOG_API_KEY": "traders-key"})


@pytest.mark.parametrize("missing", ["XSMOM__EXCHANGE__WATCHDOG_API_KEY", "XSMOM__EXCHANGE__WATCHDOG_API_SECRET"])
def test_half_a_key_is_refused(missing) -> None:
    with pytest.raises(ConfigError, match="give both"):
        config(**{name: value for name, value in KEYS.items() if name != missing})


def test_notifications_monitoring_heartbeat_seconds() -> None:
    assert WatchRules.of(config({"notifications.monitoring.heartbeat_seconds": 300})).silent_ms == 300_000
    assert WatchRules.of(config()).silent_ms == 120_000


def test_risk_watchdog_flatten_after_minutes() -> None:
    assert WatchRules.of(config({"risk.watchdog_flatten_after_minutes": 5})).flatten_after_ms == 300_000
    assert WatchRules.of(config()).flatten_after_ms == 3_600_000


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"notifications.monitoring.heartbeat_seconds": 119}, "less than two of live.heartbeat_seconds 60"),
        ({"risk.watchdog_flatten_after_minutes": 2}, "is not longer than the 120 s"),
    ],
)
def test_what_would_bite_too_early_is_refused(given, text) -> None:
    with pytest.raises(ConfigError, match=text):
        config(given)


def test_the_prices_of_flattening_are_those_of_the_engine() -> None:
    rules = WatchRules.of(config({"execution.max_cross_bps": 50, "risk.kill_switch.market_after_seconds": 5}))
    assert (rules.cross_frac, rules.market_after_ms) == (0.005, 5_000)


def test_a_dead_man_switch_that_may_take_stops_is_not_armed() -> None:
    refuse_dead_man(config())
    with pytest.raises(ConfigError, match="leaves protective stops standing") as caught:
        refuse_dead_man(config({"exchange.dead_man_switch": True}))
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="dead_man_switch"):
        make_watchdog(config({"exchange.dead_man_switch": True}, **KEYS), ())
    # Whoever proves one has to write how it is armed, and this line.
    assert not any(table.capabilities.dead_man_keeps_stops for table in TABLES.values())


def test_time_lapse_is_for_an_exchange_of_your_own() -> None:
    with pytest.raises(ConfigError, match="exchange of your own"):
        make_watchdog(config(**KEYS), (), 60.0)


def test_names_that_the_trader_leaves_alone_are_left_alone(tmp_path) -> None:
    given = {"live.state_dir": str(tmp_path), "live.ignore_symbols": ["BTCUSDT"]}
    assert make_watchdog(config(given, **KEYS), ()).setting.ignored() == {"BTCUSDT"}
