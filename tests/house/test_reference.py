"""Generated pages are current, and links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def generate(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", root / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(generate: ModuleType) -> None:
    assert generate.stale() == [], "run: python docs/generate.py"


def test_an_edited_page_is_seen(generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "REFERENCE", tmp_path)
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "cli.md").write_text("edited")
    assert generate.stale() == [tmp_path / "cli.md"]


def test_every_exit_code_has_one_meaning(generate: ModuleType) -> None:
    codes = re.findall(r"^\| (\d+) \|", generate.exit_page(), re.MULTILINE)
    assert len(codes) == len(set(codes)) > 15


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_links_between_files_lead_somewhere(root: Path, page: str) -> None:
    text = (root / page).read_text("utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    links += re.findall(r'src="(?!https?://)([^"]+)"', text)
    for link in links:
        assert (root / link).exists(), f"{page} points to {link}, which is not there"
