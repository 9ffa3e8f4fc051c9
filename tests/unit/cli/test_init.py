"""A project folder is written whole or not at all, and nothing is ever overwritten."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from xsmom.cli import init
from xsmom.cli.init import ENV_EXAMPLE, FOLDERS, write_project
from xsmom.cli.main import main
from xsmom.config.load import load_config
from xsmom.config.profiles import read_profile_text
from xsmom.errors import OutputError

CONFIG = "# a configuration\nstrategy:\n  k_max: 4\n"
WRITTEN = sorted(["config.yaml", ".env.example", ".gitignore", *FOLDERS])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["fund", "deep/er/fund"])
def test_a_new_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    write_project(folder, CONFIG)
    assert names(folder) == WRITTEN
    assert (folder / "config.yaml").read_text("utf-8") == CONFIG
    assert names(folder.parent) == ["fund"]
    assert os.access(folder, os.R_OK | os.X_OK)
    assert folder.stat().st_mode & 0o777 == 0o755


def test_an_empty_folder_is_filled_where_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "fund"
    folder.mkdir()
    inode = folder.stat().st_ino
    write_project(folder, CONFIG)
    assert names(folder) == WRITTEN
    assert folder.stat().st_ino == inode
    assert names(tmp_path) == ["fund"]


def test_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fund"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_project(Path(), CONFIG)
    assert names(folder) == WRITTEN


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine")
    with pytest.raises(OutputError, match=r"is not empty \(it holds config.yaml\).*overwritten"):
        write_project(tmp_path, CONFIG)
    assert (tmp_path / "config.yaml").read_text() == "mine"
    assert names(tmp_path) == ["config.yaml"]


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "fund").write_text("mine")
    with pytest.raises(OutputError, match="is a file: choose another name"):
        write_project(tmp_path / "fund", CONFIG)


def test_a_file_as_parent(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot write .*: Not a directory|is a file|File exists"):
        write_project(tmp_path / "a/fund", CONFIG)


def test_a_broken_link(tmp_path: Path) -> None:
    (tmp_path / "fund").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="broken link"):
        write_project(tmp_path / "fund", CONFIG)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("existing", [False, True], ids=["new folder", "empty folder"])
def test_a_full_disk_leaves_nothing_behind(existing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fund"
    if existing:
        folder.mkdir()
    write = Path.write_text

    def full(path: Path, text: str, **options: str) -> int:
        if path.name == ".gitignore":
            raise OSError(28, "No space left on device")
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_project(folder, CONFIG)
    assert names(tmp_path) == (["fund"] if existing else [])
    assert not existing or names(folder) == []


def test_a_failure_between_two_moves_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fund"
    folder.mkdir()
    rename = Path.rename

    def fail_at_state(path: Path, target: Path) -> Path:
        if path.name == "state" and path.parent != folder:
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_state)
    with pytest.raises(OutputError, match="Input/output error"):
        write_project(folder, CONFIG)
    assert names(folder) == []
    assert names(tmp_path) == ["fund"]


def test_a_parent_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match="Permission denied; choose a folder that you may write"):
        write_project(tmp_path / "fund", CONFIG)


def test_secrets_are_kept_out_of_git_and_their_file_is_closed() -> None:
    assert ".env\n" in init.GITIGNORE
    assert "chmod 600 .env" in ENV_EXAMPLE
    assert all(line.startswith("#") or not line for line in ENV_EXAMPLE.splitlines()), (
        "an example sets nothing by itself"
    )


def test_each_line_of_the_example_works_once_it_is_uncommented() -> None:
    lines = dict(re.findall(r"^# (XSMOM__\w+)=(.+)$", ENV_EXAMPLE, re.MULTILINE))
    assert len(lines) >= 2
    load_config("weekly", env=lines)


def test_the_command_writes_the_weekly_profile_which_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "fund"]) == 0
    said = capsys.readouterr().out
    assert "Next: cd fund && xsmom config check config.yaml" in said
    assert (tmp_path / "fund/config.yaml").read_text("utf-8") == read_profile_text("weekly")
    monkeypatch.chdir(tmp_path / "fund")
    assert main(["config", "check", "config.yaml"]) == 0
    assert main(["doctor", "--config", "config.yaml"]) == 0


def test_the_command_refuses_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "fund"]) == 0
    capsys.readouterr()
    assert main(["init", "fund"]) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("xsmom: fund is not empty")
    assert captured.err.count("\n") == 1
