"""`import xsmom` is light, and its table of lazy names is the table that type checkers read."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import xsmom

HEAVY = {"numpy", "polars", "pydantic", "ccxt", "plotly", "typer", "rich", "structlog"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, xsmom; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in answer.stdout.split()}
    assert loaded & HEAVY == set()
    assert "xsmom" in loaded


@pytest.mark.parametrize("name", sorted(xsmom._LAZY))
def test_each_public_name_is_what_the_table_says(name: str) -> None:
    module, attribute = xsmom._LAZY[name]
    assert getattr(xsmom, name) is getattr(import_module(module), attribute)
    assert name in dir(xsmom)


def test_type_checkers_see_the_same_table() -> None:
    tree = ast.parse(Path(xsmom.__file__).read_text("utf-8"))
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname or alias.name: (statement.module, alias.name)
        for node in guarded
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == xsmom._LAZY


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'xsmom' has no attribute 'nonsense'"):
        _ = xsmom.nonsense
