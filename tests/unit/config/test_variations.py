"""A variation is what the whole load gives with the same settings as its last word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsmom.config.load import Variations, load_config
from xsmom.errors import ConfigError

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "strategy.signal_power": st.floats(0.2, 3),
        "strategy.k_max": st.integers(1, 30),
        "strategy.lookbacks": st.lists(st.integers(2, 300), min_size=4, max_size=4, unique=True),
        "strategy.timeframe": st.sampled_from(["1h", "4h"]),
        "risk.atr_mult_sl": st.floats(0, 5),
        "risk.max_daily_loss_pct": st.floats(0, 20),
        "universe.banlist": st.lists(st.sampled_from(["AUSDT", "BUSDT"]), unique=True),
        "costs.taker_fee_bps": st.floats(0, 20),
        "strategy.portfolio_vol_target.enabled": st.booleans(),
    },
)


def outcome(make: Any) -> Any:
    try:
        return make()
    except ConfigError as error:
        return str(error)


@settings(deadline=None)
@given(first=SETTINGS, second=SETTINGS)
def test_a_variation_is_what_the_whole_load_gives(first: dict[str, Any], second: dict[str, Any]) -> None:
    base = outcome(lambda: load_config("classic", set=first))
    if isinstance(base, str):
        return
    assert outcome(lambda: Variations(base).vary(second)) == outcome(lambda: load_config("classic", set=first | second))


def test_origins_of_file_and_environment_stay(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("strategy:\n  k_max: 9\n  k_min: 3\n", "utf-8")
    env = {"XSMOM__STRATEGY__SIGNAL_POWER": "1.5"}
    base = load_config(path, env=env)
    varied = Variations(base).vary({"strategy.k_min": 5})
    assert varied == load_config(path, {"strategy.k_min": 5}, env=env)
    assert varied.origin("strategy.k_max") == f"{path}:2"
    assert varied.origin("strategy.signal_power") == "environment variable XSMOM__STRATEGY__SIGNAL_POWER"
    assert base.value("strategy.k_min") == 3


def test_one_variation_leaves_nothing_for_the_next() -> None:
    variations = Variations(load_config("classic"))
    assert variations.vary({"strategy.k_max": 17}).value("strategy.k_max") == 17
    assert variations.vary({}) == load_config("classic")
    with pytest.raises(ConfigError, match=r"did you mean strategy\.k_max"):
        variations.vary({"strategy.k_maxx": 17})
    assert variations.vary({}) == load_config("classic")
