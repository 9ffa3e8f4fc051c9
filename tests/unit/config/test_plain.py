"""What is judged without the models is judged as the models would: held against them, setting by setting."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import BaseModel

from xsmom.config.load import load_config
from xsmom.config.models import fields, table_text
from xsmom.config.plain import NotPlainError, complete, fit
from xsmom.config.schema import Config
from xsmom.config.tree import TABLE, Key, tree
from xsmom.config.written import value

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 23, 24, 2000, 2001, 10**15, 2**53, 2**53 + 1, 2**63, 10**30, 10**400,
    0.0, -0.0, 0.1, 0.5, 1.0, 1.5, 4.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 5e-324,
    "", "x", "1", "true", "1h", "bybit", "raw", "\u00e9", "\ud800", "a" * 100, b"x", object(), (1, 2), {1}, 1j,
    [], [1], [1.0], [0.5], [24], [1.5], [True], [None], ["BTCUSDT"], [""], [[1.0, 2.0]], [[1.0]], [[1, 0.5], [2, 1]],
    [[0, 0.1, 2]], ["ohlcv"], ["ohlcv", "ohlcv"], {"a": "b"}, {},
]  # fmt: skip
KEYS = list(tree().keys.values())


def by_models(key: Key, given: object) -> object:
    """What the models keep of the setting, with every other one at its default."""
    document: dict[str, Any] = {}
    *sections, leaf = key.name.split(".")
    place = document
    for section in sections:
        place = place.setdefault(section, {})
    place[leaf] = given
    return value(Config.model_validate(document), key.name)


def bounds(key: Key) -> list[Any]:
    """The ends of the range, and their neighbours."""
    rule = dict(key.rule or {})
    ends = [rule[name] for name in ("ge", "gt", "le", "lt") if name in rule]
    words = list(rule.get("choices", ()))
    return [*words, *(near for end in ends for near in (end, float(end), end + 1, end - 1, end * (1 + 1e-12)))]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_what_is_plain_is_what_the_models_keep(key: Key) -> None:
    for given in [*ODD, *bounds(key)]:
        try:
            kept = fit(key.rule, given)
        except NotPlainError:
            continue
        told = by_models(key, given)
        assert (kept, repr(kept)) == (told, repr(told)), given


def test_what_people_write_is_plain() -> None:
    """Else the models would be asked, and every command would take as long as before."""
    without = {key.name for key in KEYS if key.rule is None and key.available and not key.extras.secret}
    assert without == {"universe.renames"}
    for key in KEYS:
        if key.rule is not None:
            assert fit(key.rule, key.default) == key.default


def test_defaults_are_those_of_the_models() -> None:
    def dumped(model: BaseModel, prefix: str = "") -> dict[str, object]:
        found: dict[str, object] = {}
        for name, inner in model:
            found |= dumped(inner, f"{prefix}{name}.") if isinstance(inner, BaseModel) else {prefix + name: inner}
        return found

    plain, models = complete({}), dumped(Config())
    assert list(plain.items()) == list(models.items())
    assert [repr(one) for one in plain.values()] == [repr(one) for one in models.values()]


def test_defaults_are_nobody_elses() -> None:
    complete({})["strategy.lookbacks"].append(1)  # type: ignore[attr-defined]
    assert complete({})["strategy.lookbacks"] == [12, 24, 48, 96]
    tree().keys["strategy.lookbacks"].default.append(1)
    assert tree().keys["strategy.lookbacks"].default == [12, 24, 48, 96]


def test_the_table_is_that_of_the_models() -> None:
    assert TABLE.read_text("utf-8") == table_text(), "run: python docs/generate.py"
    assert list(fields()) == list(tree().keys)


@pytest.mark.parametrize(
    "settings",
    [{}, {"strategy.k_max": 6.0, "strategy.lookback_weights": [1, 1, 1, 1], "costs.initial_equity_usdt": 5000}],
)
def test_either_way_leads_to_the_same_configuration(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load_config("classic", settings, env={})

    def refuse_all(_given: object) -> None:
        raise NotPlainError

    monkeypatch.setattr("xsmom.config.load.complete", refuse_all)
    asked = load_config("classic", settings, env={})
    assert plain == asked
    assert plain.settings() == asked.settings()
    assert (plain.config_hash, plain.live_hash, plain.warnings) == (asked.config_hash, asked.live_hash, asked.warnings)
    assert pickle.loads(pickle.dumps(plain)) == plain
    assert plain.written != load_config("classic", {"strategy.k_max": 5}, env={}).written
