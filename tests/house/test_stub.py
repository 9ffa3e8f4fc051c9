"""The stub of the core says what the compiled module holds: no more, no less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import xsmom
import xsmom._core


def stubtest(folder: Path, module: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "mypy.stubtest", module, *options],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_stub_equals_module(root: Path, tmp_path: Path) -> None:
    allowed = str(root / "tests/house/stubtest-allowlist.txt")
    # From an empty folder, so that the installed stub is read and not a source tree.
    outcome = stubtest(tmp_path, "xsmom._core", "--allowlist", allowed)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_a_planted_difference_is_seen(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("def there(a: int) -> int:\n    return a\n")
    (tmp_path / "planted.pyi").write_text("def gone(a: int) -> int: ...\n")
    outcome = stubtest(tmp_path, "planted")
    assert outcome.returncode == 1
    assert "planted.gone is not present at runtime" in outcome.stdout


def test_build_info() -> None:
    info = xsmom.build_info()
    assert info["version"] == xsmom.__version__ == xsmom._core.__version__
    assert info["profile"] in {"debug", "release"}
    assert info["simd"] in {"x86-64-v4", "x86-64-v3", "baseline"}
    assert isinstance(info["cpu_features"], list)
