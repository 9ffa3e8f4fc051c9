"""Every setting: those that may be written change what the core is given, the others are refused."""

from __future__ import annotations

import pytest

from tests.unit.config.samples import available, before, other
from xsmom import _core
from xsmom.config.load import load_config
from xsmom.config.tree import Key, tree
from xsmom.errors import ConfigError

LOG_ONLY = {key.name for key in available() if key.name.startswith("desk.log.")}
REFUSED = [key for key in tree().keys.values() if not key.available]


def ids(key: Key) -> str:
    return key.name


@pytest.mark.parametrize("key", available(), ids=ids)
def test_a_setting_changes_what_the_core_is_given(key: Key) -> None:
    base = load_config(None, before(key), env={})
    changed = load_config(None, {**before(key), key.name: other(key)}, env={})
    assert changed.value(key.name) != base.value(key.name)
    assert changed.origin(key.name) == "set"
    if key.name in LOG_ONLY:
        assert changed.config_hash == base.config_hash
        return
    assert changed.params_hash != base.params_hash
    assert changed.config_hash != base.config_hash
    _core.Params(**changed.params())


@pytest.mark.parametrize("key", REFUSED, ids=ids)
def test_a_setting_that_nothing_obeys_is_refused(key: Key) -> None:
    variable = "XSMOM__" + key.name.upper().replace(".", "__")
    with pytest.raises(ConfigError) as caught:
        load_config(None, env={variable: "1"})
    text = str(caught.value)
    assert f"environment variable {variable}: {key.name} is not available in this version" in text
    assert "\n" not in text


def test_both_kinds_exist() -> None:
    assert len(available()) > 150
    assert len(REFUSED) > 150


def test_the_parameters_are_those_of_the_core() -> None:
    assert sorted(load_config(None, env={}).params()) == sorted(_core.params_fields())


def test_types_of_parameters_are_those_of_the_core() -> None:
    given = load_config(None, env={}).params()
    for name, default in _core.params_defaults().items():
        assert type(given[name]) is type(default), name


def test_every_setting_is_described() -> None:
    for key in tree().keys.values():
        description = key.field.description or ""
        assert description[:1].isupper() or description.startswith("|Sum of weights|"), key.name
        assert description.endswith((".", "?")), key.name


def test_no_secret_may_be_written_while_nothing_reads_secrets() -> None:
    secrets = [key for key in tree().keys.values() if key.extras.secret]
    assert len(secrets) > 10
    assert not [key.name for key in secrets if key.available]


TUNED = {
    "strategy.signal_power",
    "strategy.lookbacks",
    "strategy.k_min",
    "strategy.k_max",
    "strategy.regime_filter.ema_len",
    "strategy.regime_filter.slope_min_bps_per_day",
    "strategy.entry_zscore_min",
    "risk.atr_mult_sl",
    "risk.trail_atr_mult",
    "strategy.gross_leverage",
    "strategy.max_weight_per_asset",
    "strategy.portfolio_vol_target.target_ann_vol",
    "strategy.vol_lookback",
}


def test_the_optimiser_may_vary_these() -> None:
    assert {key.name for key in tree().keys.values() if key.extras.tuned} == TUNED
