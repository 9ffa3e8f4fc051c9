"""The repository speaks of itself alone: no path of somebody's machine, no secret, no leftovers."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

# Written so that this file does not contain what it looks for.
FORBIDDEN = {
    "a path of somebody's machine": r"/(?:home|Users|root|work)/[\w.-]+/?",
    "a temporary path": r"(?<![\w.])/tmp/\w+",
    "a private key": "-----BEGIN [A-Z ]*PRIVATE " + "KEY-----",
    "a leftover": "(?:FIX" + "ME|XX" + "X|NOT_" + "IMPLEMENTED|NotImplemented" + "Error)",
    "a merge marker": "^(?:<{7}|>{7}) ",
}
# What may name such things: a pattern file for git, and this test.
EXCEPT = {".gitignore", "tests/house/test_words.py"}
TEXT = {".py", ".pyi", ".rs", ".toml", ".md", ".yml", ".yaml", ".svg", ".txt", ".json", ""}


def tracked(root: Path) -> list[Path]:
    answer = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if answer.returncode != 0:
        pytest.skip("not a git checkout: there is no list of the project's own files")
    names = [name for name in answer.stdout.split("\0") if name]
    return [root / name for name in names if (root / name).is_file()]


def findings(name: str, text: str) -> list[str]:
    return [
        f"{name}: {what}: {found[0].strip()}"
        for what, pattern in FORBIDDEN.items()
        for found in re.finditer(pattern, text, re.MULTILINE)
    ]


def test_no_file_says_what_no_file_should_say(root: Path) -> None:
    found: list[str] = []
    for path in tracked(root):
        name = path.relative_to(root).as_posix()
        if path.suffix in TEXT and name not in EXCEPT:
            found += findings(name, path.read_text("utf-8"))
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["see /ho" + "me/ann/xsmom", "x = '/wo" + "rk/here/a'", "FIX" + "ME later", "<<<<<<< HEAD", "cd /tmp/x"],
)
def test_planted_words_are_seen(text: str) -> None:
    assert len(findings("planted", text)) == 1


@pytest.mark.parametrize("text", ["https://a.b/c/home", "$TMPDIR", "the work at home", "a XXL"])
def test_innocent_words_are_not(text: str) -> None:
    assert findings("innocent", text) == []


def test_no_large_or_binary_file_slips_in(root: Path) -> None:
    large = [path for path in tracked(root) if path.stat().st_size > 500_000]
    assert large == []


def test_every_budget_is_held_by_a_bench(root: Path) -> None:
    budgets = tomllib.loads((root / "benches/budgets.toml").read_text("utf-8"))["ratio_max"]
    benches = "".join(path.read_text("utf-8") for path in (root / "benches").glob("test_*.py"))
    for name in budgets:
        assert f'"{name}"' in benches, f"no bench measures {name}"
