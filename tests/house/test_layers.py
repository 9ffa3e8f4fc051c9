"""Who may import whom: the contract in pyproject.toml holds, and a breach would be seen."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

# Beyond the layers: what a room may never reach, though it lies below.
FORBIDDEN = (
    # A fake exchange built from our own adapter would share its mistakes.
    ("xsmom.simex", "xsmom.venues"),
)
DOMAIN_MAY_IMPORT = {"numpy", "xsmom"}


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    environment = os.environ | {"PYTHONPATH": str(project / "python"), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", command],
        cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The package and its contract, to plant a breach in."""
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(root / "python", tmp_path / "python", ignore=ignore)
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contract_is_kept(root: Path) -> None:
    outcome = lint_imports(root)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("module", "source", "seen"),
    [
        ("redaction.py", "import xsmom.cli.table\n", "xsmom.redaction -> xsmom.cli.table"),
        ("engine/__init__.py", "import xsmom.desk.log\n", "xsmom.engine -> xsmom.desk.log"),
        ("attic/__init__.py", "", "attic"),
    ],
    ids=["upward", "sideways", "a room that nobody placed"],
)
def test_a_planted_breach_is_seen(copy: Path, module: str, source: str, seen: str) -> None:
    path = copy / "python/xsmom" / module
    path.parent.mkdir(exist_ok=True)
    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(before + source, "utf-8")
    outcome = lint_imports(copy)
    assert outcome.returncode == 1, outcome.stdout
    assert seen in " ".join(outcome.stdout.split())


def graph_of(folder: Path) -> grimp.ImportGraph:
    # grimp finds packages on sys.path; a source tree goes first for this one look.
    sys.path.insert(0, str(folder))
    try:
        # A name that only a type checker imports makes no cycle when the program runs.
        return grimp.build_graph("xsmom", exclude_type_checking_imports=True, cache_dir=None)
    finally:
        sys.path.remove(str(folder))


def forbidden_paths(graph: grimp.ImportGraph) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for start, end in FORBIDDEN:
        if {start, end} <= graph.modules:
            found += graph.find_shortest_chains(start, end, as_packages=True)
    return sorted(found)


def cycles(graph: grimp.ImportGraph) -> list[str]:
    """Modules that reach themselves again through what they import."""
    return sorted(
        module
        for module in graph.modules
        if any(
            module == target or graph.chain_exists(target, module)
            for target in graph.find_modules_directly_imported_by(module)
        )
    )


@pytest.fixture(scope="module")
def graph(root: Path) -> grimp.ImportGraph:
    return graph_of(root / "python")


def test_no_import_cycles(graph: grimp.ImportGraph) -> None:
    assert cycles(graph) == []


def test_a_planted_cycle_is_seen() -> None:
    planted = grimp.ImportGraph()
    for name in ("a", "b", "c"):
        planted.add_module(name)
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "b")):
        planted.add_import(importer=importer, imported=imported)
    assert cycles(planted) == ["b", "c"]


def test_forbidden_rooms_are_not_reached(graph: grimp.ImportGraph) -> None:
    assert forbidden_paths(graph) == []


def test_a_planted_reach_is_seen() -> None:
    planted = grimp.ImportGraph()
    for name in ("xsmom.simex", "xsmom.ports", "xsmom.venues"):
        planted.add_module(name)
    planted.add_import(importer="xsmom.simex", imported="xsmom.ports")
    assert forbidden_paths(planted) == []
    planted.add_import(importer="xsmom.ports", imported="xsmom.venues")
    assert forbidden_paths(planted) == [("xsmom.simex", "xsmom.ports", "xsmom.venues")]


def outside_imports(source: str) -> set[str]:
    """Top-level names imported that are neither ours nor the standard library's nor NumPy."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - DOMAIN_MAY_IMPORT


def test_domain_needs_nothing_but_the_standard_library_and_numpy(root: Path) -> None:
    assert outside_imports("import json\nfrom numpy.typing import NDArray\nimport polars.x") == {"polars"}
    for path in (root / "python/xsmom/domain").rglob("*.py"):
        assert outside_imports(path.read_text("utf-8")) == set(), path


DRY = "python/xsmom/engine/step.py"
SHORE = "python/xsmom/venues/rest.py"


@pytest.mark.parametrize(
    "source",
    [
        "import time\n\nNOW = time.time()\n",
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n",
        "import random\n",
        "import os\n\nHOME = os.environ\n",
        "import asyncio\n",
        "import numpy as np\n\nDICE = np.random.default_rng()\n",
        "import structlog\n",
    ],
)
def test_dry_rooms_may_not_touch_the_world(root: Path, source: str) -> None:
    def findings(name: str) -> str:
        command = ["check", "--select", "TID251", "--stdin-filename", name, "-"]
        return subprocess.run(
            [sys.executable, "-m", "ruff", *command],
            cwd=root, input=source, capture_output=True, text=True, check=False, timeout=60,
        ).stdout  # fmt: skip

    assert "TID251" in findings(DRY)
    assert "TID251" not in findings(SHORE)


def test_every_listed_tool_setting_belongs_to_a_tool_that_we_install(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    extras = str(project["project"]["optional-dependencies"])
    package = {"importlinter": "import-linter"}
    for tool in project["tool"]:
        assert package.get(tool, tool) in extras, f"[tool.{tool}] configures nothing installed"
