"""Whatever is written: it loads, or it is a ConfigError; and what loads, the core accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from xsmom import _core
from xsmom.config.listing import settings_lines
from xsmom.config.load import load_config
from xsmom.config.models import fields
from xsmom.config.resolved import Resolved
from xsmom.config.tree import Key, tree
from xsmom.errors import ConfigError

RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AVAILABLE = [key for key in tree().keys.values() if key.available]
NAMES = [*tree().keys, *tree().sections]
PARTS = sorted({part for name in NAMES for part in name.split(".")})

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates().map(str))
keys = st.one_of(st.sampled_from(PARTS), st.text(max_size=6))
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=20,
)


def attempt(*args: Any, **kwargs: Any) -> Resolved | None:
    """Load, or be refused with a text; any other exception fails the test."""
    try:
        return load_config(*args, **{"env": {}, **kwargs})
    except ConfigError as error:
        text = str(error)
    assert all(line.strip() and line.isprintable() for line in text.split("\n"))
    return None


@RELAXED
@given(document=documents)
def test_any_document(tmp_path: Path, document: object) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(document))
    attempt(file)


@RELAXED
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8"))))
def test_any_bytes_as_file_and_as_dotenv(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(data)
    (tmp_path / ".env").write_bytes(data)
    attempt(file)


yaml_text = st.lists(
    st.sampled_from(
        [
            *PARTS[:60],
            ":",
            ": ",
            "\n",
            "  ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!int ",
            "<<",
            "1",
            "|",
            "#",
            "'",
            '"',
            "\t",
            "---\n",
            "%YAML 1.1\n",
            "? ",
        ]
    ),
    max_size=30,
).map("".join)


@RELAXED
@given(text=yaml_text)
def test_any_text_in_the_alphabet_of_yaml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    attempt(file)


@RELAXED
@given(name=st.one_of(st.sampled_from(NAMES), st.text(max_size=12)), value=st.text(max_size=12))
def test_any_variable_and_any_override(name: str, value: str) -> None:
    variable = "XSMOM__" + name.upper().replace(".", "__")
    attempt(None, env={variable: value})
    attempt(None, [f"{name}={value}"])
    attempt(None, [name + value])


@RELAXED
@given(given_settings=st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=6)), documents, max_size=4))
def test_any_mapping_from_python(given_settings: dict[str, object]) -> None:
    attempt(None, given_settings)


@pytest.mark.parametrize("value", [object(), {1: 2}, b"x", {1, 2}, 1j, float("nan"), 10**400, [[]], Path()])
def test_odd_python_values(value: object) -> None:
    for name in ("strategy.k_max", "strategy.lookbacks", "strategy.timeframe", "strategy"):
        assert attempt(None, {name: value}) is None


# --- what loads, the core accepts --------------------------------------------------------------


def values(key: Key) -> st.SearchStrategy[Any]:
    """Values inside the documented range of a setting, its ends included."""
    kind = fields()[key.name].annotation
    if get_origin(kind) is not None and all(isinstance(choice, str) for choice in get_args(kind)):
        return st.sampled_from(get_args(kind))
    default = key.default
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, list):
        return _lists(key)
    low, high = _range(key)
    if "whole" in key.expects:
        return st.one_of(st.integers(int(low), int(high)), st.integers(int(low), min(int(high), int(low) + 50)))
    numbers = st.floats(low, high, exclude_min="above" in key.expects)
    return st.one_of(numbers, st.sampled_from([high, (low + high) / 2]))


def _lists(key: Key) -> st.SearchStrategy[Any]:
    if "text" in key.expects:
        return st.lists(st.sampled_from(["BTCUSDT", "ETHUSDT", "SOL/USDT:USDT"]), max_size=3)
    if key.name == "strategy.lookbacks":
        return st.lists(st.integers(1, 400), min_size=4, max_size=4, unique=True)
    if key.name == "strategy.lookback_weights":
        return st.lists(st.floats(0, 10), min_size=4, max_size=4)
    if key.name == "strategy.blackout_hours":
        return st.lists(st.integers(0, 23), max_size=5)
    return st.lists(st.floats(0.01, 5), max_size=3)


def _range(key: Key) -> tuple[float, float]:
    bounds = {type(item).__name__: item for item in fields()[key.name].metadata}
    low = next((getattr(bounds[kind], kind.lower()) for kind in ("Ge", "Gt") if kind in bounds), -100.0)
    high = next((getattr(bounds[kind], kind.lower()) for kind in ("Le", "Lt") if kind in bounds), 10_000.0)
    return float(low), float(high)


sane = st.fixed_dictionaries({}, optional={key.name: values(key) for key in AVAILABLE})
few = st.lists(st.sampled_from(AVAILABLE), max_size=6, unique_by=lambda key: key.name).flatmap(
    lambda chosen: st.fixed_dictionaries({key.name: values(key) for key in chosen})
)


@settings(max_examples=400, deadline=None)
@given(written=few)
def test_what_loads_is_accepted_by_the_core_and_survives_a_round_trip(written: dict[str, Any]) -> None:
    config = attempt(None, written)
    if config is None:
        return
    _core.Params(**config.params())
    again = attempt(None, _from_lines(settings_lines(config, origin=True)))
    assert again is not None
    assert again.config_hash == config.config_hash


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(written=sane)
def test_any_values_in_range_load_or_contradict(written: dict[str, Any]) -> None:
    config = attempt(None, written)
    if config is not None:
        _core.Params(**config.params())


def _from_lines(lines: list[str]) -> dict[str, Any]:
    """The printed settings, as objects rather than by our reader of nodes."""
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load("\n".join(lines))
    return loaded
