"""The generated page and the JSON schema say what the loader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xsmom.config.models import fields
from xsmom.config.reference import json_schema, reference_page
from xsmom.config.tree import number, tree

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "config.md"
SCHEMA = ROOT / "config" / "schema.json"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run: xsmom config docs --out " + str(PAGE)


def test_the_committed_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == json_schema(), "run: xsmom config schema --out config/schema.json"


def test_the_page_holds_every_setting_once() -> None:
    text = reference_page()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(tree().keys)
    for section in tree().sections:
        holds_keys = any(name.rpartition(".")[0] == section for name in tree().keys)
        assert (f"# `{section}`\n" in text) == holds_keys


def node(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found = schema
    for part in name.split("."):
        while "$ref" in found:
            found = schema["$defs"][found["$ref"].rpartition("/")[2]]
        found = found["properties"][part]
    return found


def test_the_schema_describes_accepted_settings_and_matches_no_other() -> None:
    schema = json_schema()
    for key in tree().keys.values():
        found = node(schema, key.name)
        assert fields()[key.name].description in found["description"]
        if key.available and key.extras.secret:
            assert found["not"] == {}  # the schema is of YAML files, where no secret may stand
            assert "environment" in found["description"]
        elif key.available:
            assert found["default"] == key.default
            assert "not" not in found
        else:
            assert found["not"] == {}
            assert found["description"].startswith("Not available in this version. ")


def test_the_schema_forbids_unknown_settings() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if "properties" in part)


def test_ranges_are_in_the_schema() -> None:
    schema = json_schema()
    assert node(schema, "strategy.k_max")["minimum"] == 1
    assert node(schema, "risk.max_daily_loss_pct")["maximum"] == 100
    assert node(schema, "strategy.timeframe")["enum"][0] == "1m"


def test_numbers_as_people_write_them() -> None:
    given = [4.0, 0.25, 10_000, 1e15, 1.5e-7, True, "x"]
    assert [number(value) for value in given] == ["4", "0.25", "10000", "1e+15", "1.5e-07", "True", "x"]
