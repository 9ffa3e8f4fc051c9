"""The tests look at what a user gets: the installed wheel, in release build, with its metadata."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import xsmom


@pytest.fixture(scope="module")
def distribution() -> metadata.Distribution:
    return metadata.distribution("xsmom")


def editable(distribution: metadata.Distribution) -> bool:
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable", False))


def test_tests_run_against_the_installed_wheel(root: Path, distribution: metadata.Distribution) -> None:
    if editable(distribution) and not os.environ.get("CI"):
        pytest.skip("a developer's editable build; CI runs this against the wheel")
    package = Path(xsmom.__file__).resolve()
    assert not package.is_relative_to(root / "python"), f"{package} is the source tree"
    assert str(root / "python") not in sys.path
    assert xsmom.build_info()["profile"] == "release"


def test_version_is_that_of_the_workspace(root: Path, distribution: metadata.Distribution) -> None:
    cargo = tomllib.loads((root / "Cargo.toml").read_text("utf-8"))
    assert distribution.version == cargo["workspace"]["package"]["version"] == xsmom.__version__


def test_metadata(distribution: metadata.Distribution) -> None:
    assert distribution.metadata["License-Expression"] == "MIT"
    assert distribution.metadata["Requires-Python"] == ">=3.11"
    assert "cross-sectional momentum" in distribution.metadata["Summary"]
    scripts = distribution.entry_points.select(group="console_scripts")
    assert [(script.name, script.value) for script in scripts] == [("xsmom", "xsmom.cli.main:run")]


def test_every_dependency_is_bounded_on_both_sides(distribution: metadata.Distribution) -> None:
    for requirement in distribution.requires or []:
        spec = requirement.partition(";")[0]
        assert "==" in spec or (">=" in spec and "<" in spec), requirement


def test_the_wheel_is_one_for_all_pythons(distribution: metadata.Distribution) -> None:
    tags = (distribution.read_text("WHEEL") or "").splitlines()
    assert any(line.startswith("Tag: cp311-abi3-") for line in tags), tags


def test_what_the_package_needs_at_run_time_is_in_the_wheel(
    distribution: metadata.Distribution,
) -> None:
    if editable(distribution):
        pytest.skip("an editable build lists one .pth file")
    names = {path.name for path in distribution.files or []}
    assert {"_core.abi3.so", "_core.pyi", "py.typed", "LICENSE"} <= names
    assert not any(path.parts[0] in {"tests", "benches"} for path in distribution.files or [])


def third_party(source: str) -> set[str]:
    """Top-level names that a file imports and that are neither ours nor the standard library's."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"xsmom", "tests", "bench_table", "benches", "benches_reference"}


def normal(name: str) -> str:
    return re.split(r"[\s<>=!~;\[(]", name, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


@pytest.mark.parametrize(("room", "with_test"), [("python", False), ("tests", True), ("benches", True), ("docs", True)])
def test_whatever_is_imported_is_declared(root: Path, room: str, with_test: bool) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(extras["test"] if with_test else [])]
    declared = {normal(requirement) for requirement in wanted}
    owners = metadata.packages_distributions()
    for path in sorted((root / room).rglob("*.py")):
        for name in third_party(path.read_text("utf-8")):
            found = {normal(owner) for owner in owners.get(name, [name])}
            assert found & declared, f"{path.name} imports {name}, which pyproject.toml does not declare"


def test_imports_are_found_where_they_hide() -> None:
    source = "import json, polars.io\ndef f():\n    from scipy.stats import t\n    from . import x\n"
    assert third_party(source) == {"polars", "scipy"}
