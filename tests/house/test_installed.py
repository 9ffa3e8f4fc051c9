"""The tests look at what a user gets: the installed wheel, in release build, with its metadata."""

from __future__ import annotations

import json
import os
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
