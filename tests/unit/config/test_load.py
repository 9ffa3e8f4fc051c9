"""Sources and their order; files that cannot be read; mistakes and what the user reads."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from xsmom.config.load import load_config
from xsmom.errors import ConfigError

ROOT = os.geteuid() == 0


def refusal(file: Path | str | None, **given: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file, **{"env": {}, **given})  # type: ignore[arg-type]
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("strategy:\n  k_max: 5\n  k_min: 1\n")
    return tmp_path


# --- order -------------------------------------------------------------------------------------


def test_each_source_wins_over_those_before_it(folder: Path) -> None:
    file = folder / "config.yaml"
    (folder / "config.staging.yaml").write_text("strategy:\n  k_max: 6\n")
    assert load_config(None, env={}).value("strategy.k_max") == 4
    seen = [load_config(file, env={})]
    seen.append(load_config(file, env={}, environment="staging"))
    (folder / ".env").write_text("XSMOM__STRATEGY__K_MAX=7\n")
    seen.append(load_config(file, env={}, environment="staging"))
    variables = {"XSMOM__STRATEGY__K_MAX": "8", "XSMOM_ENV": "staging"}
    seen.append(load_config(file, env=variables))
    seen.append(load_config(file, ["strategy.k_max=9"], env=variables))
    assert [config.value("strategy.k_max") for config in seen] == [5, 6, 7, 8, 9]
    assert [config.origin("strategy.k_max") for config in seen] == [
        f"{file}:2",
        f"{folder / 'config.staging.yaml'}:2",
        f"{folder / '.env'}:1",
        "environment variable XSMOM__STRATEGY__K_MAX",
        "--set",
    ]
    assert seen[-1].origin("strategy.k_min") == f"{file}:3"
    assert seen[-1].origin("strategy.timeframe") == "default"


def test_the_process_environment_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XSMOM__STRATEGY__LOOKBACKS", "[6, 12, 24, 48]")
    assert load_config(folder / "config.yaml").value("strategy.lookbacks") == [6, 12, 24, 48]


def test_the_environment_may_be_chosen_in_dotenv(folder: Path) -> None:
    (folder / "config.dev.yaml").write_text("")
    (folder / ".env").write_text("export XSMOM_ENV='dev'\nOTHER_PROGRAM=1\n# comment\n\n")
    assert load_config(folder / "config.yaml", env={}).value("strategy.k_max") == 5
    (folder / "config.dev.yaml").write_text("strategy: {k_max: 6}")
    assert load_config(folder / "config.yaml", env={}).value("strategy.k_max") == 6


def test_an_overlay_that_is_missing_is_refused(folder: Path) -> None:
    overlay = folder / "config.production.yaml"
    file = folder / "config.yaml"
    assert refusal(file, environment="production") == (
        f"--env production: its overlay {overlay} does not exist; create it, or leave --env out"
    )
    assert refusal(file, env={"XSMOM_ENV": "prod"}) == ('XSMOM_ENV "prod": expected one of dev, staging, production')


@pytest.mark.parametrize("path", [None, "weekly"])
def test_an_overlay_needs_a_file(path: str | None) -> None:
    assert refusal(path, environment="dev") == (
        "--env dev: an overlay stands beside a file, and none was named; name one"
    )


def test_a_shipped_profile_is_loaded_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("weekly", env={}).value("strategy.timeframe") == "1d"
    (tmp_path / "weekly").write_text("strategy: {timeframe: 4h}")
    assert load_config("weekly", env={}).value("strategy.timeframe") == "4h"


def test_python_values_may_be_arrays_and_tuples() -> None:
    given: dict[str, object] = {
        "strategy.lookbacks": np.array([6, 12, 24, 48]),
        "strategy.k_max": np.int64(6),
    }
    given["strategy.lookback_weights"] = (1, 1, 1, 1)
    config = load_config(None, given, env={})
    assert config.value("strategy.lookbacks") == [6, 12, 24, 48]
    assert config.value("strategy.k_max") == 6


# --- files -------------------------------------------------------------------------------------

BROKEN: list[tuple[bytes, str]] = [
    (b"", "{file} is empty, as after a write that was cut off; restore it"),
    (b"  \n\n", "{file} is empty, as after a write that was cut off; restore it"),
    (b"strategy:\n\tk_max: 4\n", "{file}:2: indented with a tab; YAML wants spaces"),
    (b"strategy:\n  k_max: 4\n\xff\xfe\n", "{file}:3: not UTF-8 (byte 0xff); save it as UTF-8"),
    ("strategy: {}".encode("utf-16"), "{file} is UTF-16 text; save it as UTF-8"),
    (
        b"strategy:\n  lookbacks: [12, 2",
        "{file}:2: not valid YAML, the file seems cut off here: expected ',' or ']', but got '<stream end>'",
    ),
    (
        b"strategy:\n  k_max",
        (
            '{file}:1: strategy is a section (got "k_max"), expected settings below it such as '
            "strategy.timeframe, strategy.rebalance.every_bars, strategy.rebalance.offset_bars, "
            "strategy.tranches.count"
        ),
    ),
    (b"- strategy\n- risk\n", "{file}:1: expected sections such as strategy: and risk:, got a list"),
    (b"k_max\n", "{file}:1: expected sections such as strategy: and risk:, got a single value"),
    (
        b"strategy:\n  k_max: 4\n  k_max: 5\n",
        "{file}:3: strategy.k_max is written twice, first on line 2; keep one",
    ),
    (
        b"strategy: {}\nrisk: {}\nstrategy: {}\n",
        "{file}:3: strategy is written twice, first on line 1; keep one",
    ),
    (b"[1]: 2\n", "{file}:1: expected the name of a setting, got a list"),
    (
        b"strategy:\n  <<: {k_max: 4}\n",
        "{file}:2: expected the name of a setting, got <<, which is not supported",
    ),
    (
        b"strategy:\n  k_max: !!python/name:os.system 4\n",
        '{file}:2: strategy.k_max got "4", expected a whole number from 1 to 10000 (names)',
    ),
    (
        b"strategy:\n  k_max: !secret 4\n",
        '{file}:2: strategy.k_max carries the tag "!secret", which means nothing here; remove the tag',
    ),
    (
        b"strategy:\n  lookbacks: &a [*a]\n",
        "{file}:2: strategy.lookbacks uses an anchor, or nests too deeply; write the value out",
    ),
    (b"strategy: {k_max: 4}\n---\nrisk: {}\n", "{file}:2: not valid YAML: but found another document"),
    (b"[" * 5000, "{file} is nested too deeply; sections are at most four deep"),
]


@pytest.mark.parametrize(("data", "text"), BROKEN)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, data: bytes, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(data)
    assert refusal(file) == text.format(file=file)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert refusal(missing) == f"{missing} does not exist; xsmom init writes a commented one"
    assert refusal(tmp_path) == (f"{tmp_path} is a folder; name the file in it, such as {tmp_path / 'config.yaml'}")
    (tmp_path / "file").write_text("x")
    inside = tmp_path / "file" / "config.yaml"
    assert refusal(inside) == f"{inside} does not exist: a part of its path is not a folder"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refusal(pipe) == f"{pipe} is not a regular file; a configuration is a YAML text file"
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * 1_000_001)
    assert refusal(big) == f"{big} holds 1000001 bytes; a configuration has at most 1000000"
    assert "cannot be read" in refusal("nul\0byte")


@pytest.mark.skipif(ROOT, reason="root may read everything")
def test_a_file_without_permission(folder: Path) -> None:
    file = folder / "config.yaml"
    file.chmod(0)
    assert refusal(file) == f"{file} may not be read by this user; chmod u+r {file}"


def test_a_byte_order_mark_and_empty_sections_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xef\xbb\xbfstrategy:\n  k_max: 6\nrisk:\ndesk:\n  log:\n")
    assert load_config(file, env={}).value("strategy.k_max") == 6
    file.write_text("# all is default\n")
    assert load_config(file, env={}).config_hash == load_config(None, env={}).config_hash


# --- names and values --------------------------------------------------------------------------

WRITTEN: list[tuple[str, str]] = [
    (
        "strategy:\n  gross_levrage: 1.5\n",
        ":2: strategy.gross_levrage is not a setting (got 1.5); did you mean strategy.gross_leverage?",
    ),
    ("timeframe: 1h\n", ':1: timeframe is not a setting (got "1h"); did you mean strategy.timeframe?'),
    ("stratgy:\n  k_max: 4\n", ":1: stratgy is not a setting (got a section); did you mean strategy?"),
    (
        "risk:\n  max_weight_per_asset: 0.1\n",
        (":2: risk.max_weight_per_asset is not a setting (got 0.1); did you mean strategy.max_weight_per_asset?"),
    ),
    (
        "strategy:\n  qqqqqqqq: 1\n",
        ":2: strategy.qqqqqqqq is not a setting (got 1); xsmom config docs lists all settings",
    ),
    (
        "exchanges: {id: x}\n",
        ":1: exchanges is not a setting (got a section); did you mean exchange?",
    ),
    (
        "desk:\n  telegram:\n    confirm_seconds: 5\n",
        ":3: desk.telegram.confirm_seconds is not available in this version (got 5); remove it",
    ),
    (
        "desk:\n  telegram:\n    confirm_second: 80\n",
        (
            ":3: desk.telegram.confirm_second is not a setting (got 80); did you mean desk.telegram.confirm_seconds "
            "(not available in this version)?"
        ),
    ),
    ("strategy:\n  k_max: 0\n", ":2: strategy.k_max got 0, expected a whole number from 1 to 10000 (names)"),
    (
        "strategy:\n  k_max: 4.5\n",
        ":2: strategy.k_max got 4.5, expected a whole number from 1 to 10000 (names)",
    ),
    (
        'strategy:\n  k_max: "4"\n',
        ':2: strategy.k_max got "4", expected a whole number from 1 to 10000 (names)',
    ),
    (
        "strategy:\n  k_max: true\n",
        ":2: strategy.k_max got true, expected a whole number from 1 to 10000 (names)",
    ),
    (
        "strategy:\n  k_max:\n",
        ":2: strategy.k_max got nothing, expected a whole number from 1 to 10000 (names)",
    ),
    (
        "strategy:\n  gross_leverage: .inf\n",
        ":2: strategy.gross_leverage got Infinity, expected a number above 0 up to 20 (x equity)",
    ),
    (
        "strategy:\n  gross_leverage: .nan\n",
        ":2: strategy.gross_leverage got NaN, expected a number above 0 up to 20 (x equity)",
    ),
    ("strategy:\n  market_neutral: yes\n", ':2: strategy.market_neutral got "yes", expected true or false'),
    ("strategy:\n  market_neutral: 1\n", ":2: strategy.market_neutral got 1, expected true or false"),
    (
        "strategy:\n  lookbacks: 24\n",
        ":2: strategy.lookbacks got 24, expected a list, each item a whole number from 1 to 2000 (bars)",
    ),
    (
        "strategy:\n  lookbacks:\n    - 12\n    - x\n",
        ':2: strategy.lookbacks, item 2: got "x", expected a whole number from 1 to 2000 (bars)',
    ),
    ("strategy: 3\n", ":1: strategy is a section (got 3), expected settings below it such as"),
    (
        "strategy:\n  timeframe: 3h\n",
        ':2: strategy.timeframe got "3h", expected one of 1m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d',
    ),
    (
        "strategy:\n  signal_kind: vol-scaled\n",
        ':2: strategy.signal_kind got "vol-scaled", expected one of raw, log, vol_scaled',
    ),
    ("risk.atr_len: 20\n", ":1: risk.atr_len is written with dots; write atr_len: below risk:"),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_a_mistake_names_line_key_value_and_mend(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    found = refusal(file)
    assert found.startswith(str(file) + expected)
    assert found == str(file) + expected or expected.endswith("such as")


NUMBERS = [("0x10", 16), ("0o20", 16), ("0b11", 3), ("1_6", 16), ("016", 16), ("+16", 16), ("16.0", 16)]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_whole_numbers_as_yaml_writes_them(text: str, expected: int) -> None:
    assert load_config(None, [f"strategy.k_max={text}"], env={}).value("strategy.k_max") == expected


def test_a_number_of_six_thousand_digits_is_refused() -> None:
    found = refusal(None, set=[f"strategy.k_max={'9' * 6000}"])
    assert found.startswith("--set: strategy.k_max got ")
    assert len(found) < 200


def test_all_mistakes_are_listed_with_their_sources(folder: Path) -> None:
    (folder / "config.yaml").write_text("strategy:\n  k_mx: 5\n  k_min: x\ndesk: {telegram: {confirm_seconds: 5}}\n")
    (folder / ".env").write_text("XSMOM__RISK__ATR_LEM=3\nnonsense\nXSMOM__RISK__ATR_LEN=\n")
    variables = {"XSMOM__STRATEGY__GROSS_LEVERAGE": "much", "XSMOM_RISK__ATR_LEN": "3"}
    lines = refusal(
        folder / "config.yaml", env=variables, set=["a", "strategy.k_max=[1", "risk.atr_len=500"]
    ).splitlines()
    file, dotenv = folder / "config.yaml", folder / ".env"
    assert lines == [
        f"{file}:2: strategy.k_mx is not a setting (got 5); did you mean strategy.k_max?",
        f"{file}:4: desk.telegram.confirm_seconds is not available in this version (got 5); remove it",
        f"{dotenv}:1: risk.atr_lem is not a setting (got 3); did you mean risk.atr_len?",
        f"{dotenv}:2: expected NAME=value",
        f"{dotenv}:3: risk.atr_len is empty; give it a value, or leave it out",
        ("environment variable XSMOM_RISK__ATR_LEN: settings start with two underscores; write XSMOM__RISK__ATR_LEN"),
        '--set "a": expected key=value, such as strategy.gross_leverage=1.2',
        "--set: strategy.k_max got \"[1\", which cannot be read: expected ',' or ']', but got '<stream end>'",
        f'{file}:3: strategy.k_min got "x", expected a whole number from 1 to 10000 (names)',
        (
            'environment variable XSMOM__STRATEGY__GROSS_LEVERAGE: strategy.gross_leverage got "much", '
            "expected a number above 0 up to 20 (x equity)"
        ),
        "--set: risk.atr_len got 500, expected a whole number from 1 to 200 (bars)",
    ]
