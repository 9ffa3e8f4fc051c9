"""Settings of the live process, each seen to act."""

from pathlib import Path

import pytest

import xsmom as xs
from xsmom.errors import ConfigError
from xsmom.live.wiring import Start, access_of, make_setting, trust


def setting(given: dict, mode: str = "live"):
    config = xs.load_config("weekly", given)
    start = Start(config, mode, ())
    return make_setting(start, start.state_dir)


def test_live_heartbeat_seconds() -> None:
    assert setting({"live.heartbeat_seconds": 7}).heartbeat_s == 7.0


def test_live_bar_grace_seconds() -> None:
    assert setting({"live.bar_grace_seconds": 2.5}).pace.grace_ms == 2_500


def test_risk_kill_switch_file(tmp_path) -> None:
    path = tmp_path / "STOP"
    assert setting({"risk.kill_switch.file": str(path)}).stop_file == path


def test_paper_initial_equity_usdt() -> None:
    assert setting({"paper.initial_equity_usdt": 25_000}, "paper").initial_usdt == 25_000.0
    assert setting({"paper.initial_equity_usdt": 25_000}).initial_usdt is None


def test_each_mode_has_a_state_of_its_own() -> None:
    config = xs.load_config("weekly", {"live.state_dir": "here"})
    assert [str(Start(config, mode, ()).state_dir) for mode in ("live", "paper", "shadow")] == [
        "here",
        "here/paper",
        "here/shadow",
    ]


def test_real_money_alone_wants_a_watchdog() -> None:
    assert [setting({}, mode).watched for mode in ("live", "paper", "shadow")] == [True, False, False]


def test_exchange_ca_file(tmp_path: Path) -> None:
    assert access_of(xs.load_config("weekly")).tls is None
    missing = tmp_path / "gone.pem"
    with pytest.raises(ConfigError, match=r"exchange\.ca_file: .*gone\.pem is no certificate"):
        access_of(xs.load_config("weekly", {"exchange.ca_file": str(missing)}))
    assert trust(None) is None


def test_exchange_leverage_x() -> None:
    """The first thing that a start asks of the account."""
    from decimal import Decimal

    from xsmom.domain.contracts import make_instruments
    from xsmom.domain.effects import EnsureModes
    from xsmom.domain.events import Started
    from xsmom.domain.window import Window
    from xsmom.engine.rules import Rules
    from xsmom.engine.step import step
    from xsmom.lake.sample import SampleMarket

    panel = SampleMarket(symbols=3, bars=5, seed=1).build()
    contracts = tuple(make_instruments(panel).values())
    config = xs.load_config("classic", {"exchange.leverage_x": 7})
    window = Window(panel.symbols, panel.listed_ms, panel.delisted_ms, bar_ms=panel.bar_ms, bars_max=10)
    started = Started("r", 1, config.config_hash, config.params_hash, "0", contracts, 1_000.0)
    _, effects, _ = step(None, window, started, 1, Rules.of(config))
    (modes,) = [one.modes for one in effects if isinstance(one, EnsureModes)]
    assert modes.leverage_x == Decimal("7.0")
    assert modes.cross_margin
