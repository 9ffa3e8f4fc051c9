"""Settings of the live process, each seen to act."""

from pathlib import Path

import pytest

import xsmom as xs
from xsmom.errors import ConfigError
from xsmom.live.wiring import Start, _setting, access_of, trust


def setting(mode: str = "live", **given):
    config = xs.load_config("weekly", {name.replace("__", "."): value for name, value in given.items()})
    start = Start(config, mode, ())
    return _setting(start, start.state_dir)


def test_live_heartbeat_seconds() -> None:
    assert setting(live__heartbeat_seconds=7).heartbeat_s == 7.0


def test_live_bar_grace_seconds() -> None:
    assert setting(live__bar_grace_seconds=2.5).pace.grace_ms == 2_500


def test_risk_kill_switch_file(tmp_path) -> None:
    path = tmp_path / "STOP"
    assert setting(risk__kill_switch__file=str(path)).stop_file == path


def test_paper_initial_equity_usdt() -> None:
    assert setting("paper", paper__initial_equity_usdt=25_000).initial_usdt == 25_000.0
    assert setting("live", paper__initial_equity_usdt=25_000).initial_usdt is None


def test_each_mode_has_a_state_of_its_own() -> None:
    config = xs.load_config("weekly", {"live.state_dir": "here"})
    assert [str(Start(config, mode, ()).state_dir) for mode in ("live", "paper", "shadow")] == [
        "here",
        "here/paper",
        "here/shadow",
    ]


def test_exchange_ca_file(tmp_path: Path) -> None:
    assert access_of(xs.load_config("weekly")).tls is None
    missing = tmp_path / "gone.pem"
    with pytest.raises(ConfigError, match=r"exchange\.ca_file: .*gone\.pem is no certificate"):
        access_of(xs.load_config("weekly", {"exchange.ca_file": str(missing)}))
    assert trust(None) is None
