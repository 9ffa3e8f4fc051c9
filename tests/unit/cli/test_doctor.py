"""Each check is seen to pass and to fail on something real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from xsmom.cli import checks
from xsmom.cli.checks import Place, run_checks
from xsmom.cli.finding import Finding, Status
from xsmom.cli.main import main


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, None)


def only(check: Callable[[Place], Iterator[Finding]], place: Place) -> Finding:
    (finding,) = check(place)
    return finding


def build(profile: str, version: str) -> dict[str, object]:
    return {
        "version": version, "profile": profile, "target": "x", "simd": "y", "cpu_features": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "version", "status"),
    [
        ("release", metadata.version("xsmom"), Status.OK),
        ("debug", metadata.version("xsmom"), Status.WARN),
        ("release", "0.0.0", Status.FAIL),
    ],
)
def test_core(profile: str, version: str, status: Status, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xsmom._core.build_info", lambda: build(profile, version))
    finding = only(checks.check_core, place)
    assert finding.status is status
    assert f"{version}, {profile} build" in finding.detail
    assert bool(finding.mend) is (status is not Status.OK)


def test_a_core_that_does_not_load(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xsmom._core", None)
    finding = only(checks.check_core, place)
    assert finding.status is Status.FAIL
    assert "pip install" in finding.mend


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ((3, 10, 9), Status.FAIL), ((3, 11, 0), Status.OK), ((3, 13, 4), Status.OK),
        ((3, 14, 0), Status.WARN),
    ],
)  # fmt: skip
def test_python(version: tuple[int, ...], status: Status, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert only(checks.check_python, place).status is status


def test_rust_is_wanted_only_for_building(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    finding = only(checks.check_rust, place)
    assert finding.status is Status.OK
    assert "only building" in finding.detail


@pytest.mark.parametrize(
    ("script", "status", "detail"),
    [
        ("echo cargo 1.99.0", Status.OK, "cargo 1.99.0"),
        ("echo no default toolchain >&2; exit 1", Status.WARN, "no default toolchain"),
    ],
)
def test_cargo_is_really_called(
    script: str, status: Status, detail: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cargo = place.folder / "cargo"
    cargo.write_text(f"#!/bin/sh\n{script}\n")
    cargo.chmod(0o755)
    monkeypatch.setenv("PATH", str(place.folder))
    finding = only(checks.check_rust, place)
    assert finding.status is status
    assert detail in finding.detail


def test_packages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["rich<16,>=14", "no-such-package>=1", "pytest>=9; extra == 'test'"]
    monkeypatch.setattr(metadata, "requires", lambda _: wanted)
    found = {row.name: row for row in checks.check_packages(place)}
    assert set(found) == {"package rich", "package no-such-package"}
    assert found["package rich"].detail == metadata.version("rich")
    missing = found["package no-such-package"]
    assert (missing.status, missing.mend) == (Status.FAIL, "pip install 'no-such-package>=1'")


def test_a_folder_that_is_gone_is_a_finding(place: Place) -> None:
    gone = Place(place.folder / "gone", None)
    with pytest.raises(FileNotFoundError):
        list(checks.check_folder(gone))  # disk usage has nothing to look at


def test_a_folder_that_cannot_be_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    folder, _ = checks.check_folder(place)
    assert folder.status is Status.FAIL
    assert "Permission denied" in folder.detail


@pytest.mark.parametrize(
    ("free_bytes", "status"),
    [(10_000_000_000, Status.OK), (1_000_000_000, Status.WARN), (1_000_000, Status.FAIL)],
)
def test_disk(free_bytes: int, status: Status, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(place.folder)._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    folder, disk = checks.check_folder(place)
    assert folder.status is Status.OK
    assert disk.status is status


@pytest.mark.parametrize(
    ("mode", "status"), [(0o600, Status.OK), (0o400, Status.OK), (0o640, Status.FAIL), (0o604, Status.FAIL)]
)
def test_env_file(mode: int, status: Status, place: Place) -> None:
    path = place.folder / ".env"
    path.write_text("A=1")
    path.chmod(mode)
    finding = only(checks.check_env_file, place)
    assert finding.status is status
    assert f"{mode:04o}" in finding.detail
    assert finding.mend == ("" if status is Status.OK else "chmod 600 .env")


def test_no_env_file_is_fine(place: Place) -> None:
    assert only(checks.check_env_file, place).status is Status.OK


def test_clock(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(checks.check_clock, place).status is Status.OK
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    finding = only(checks.check_clock, place)
    assert finding.status is Status.FAIL
    assert "1970-01-02" in finding.detail


def test_without_a_config_none_is_checked(place: Place) -> None:
    assert list(checks.check_config(place)) == []


def test_config(place: Place) -> None:
    path = place.folder / "config.yaml"
    path.write_text("strategy:\n  k_max: 5\n  k_min: 3\n")
    assert only(checks.check_config, Place(place.folder, path)).status is Status.OK
    path.write_text("strategy:\n  k_mx: 5\n  nonsense: 3\n")
    finding = only(checks.check_config, Place(place.folder, path))
    assert finding.status is Status.FAIL
    assert "k_mx" in finding.detail
    assert finding.detail.endswith("(and 1 more)")
    assert "\n" not in finding.detail


def test_run_checks_runs_each_row_in_order(tmp_path: Path) -> None:
    names = [row.name for row in run_checks(tmp_path, None)]
    assert names[:3] == ["core", "python", "rust"]
    assert names[-1] == "clock"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert {"name", "status", "detail", "mend"} == set(document["checks"][0])
    assert {"ok", "warn"} >= {row["status"] for row in document["checks"]}
    assert here.exists()


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"]])
def test_a_failed_check_is_exit_code_1(arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / ".env"
    path.write_text("XSMOM__EXCHANGE__API_KEY=abcdefgh")
    path.chmod(0o644)
    assert main(arguments) == 1
    text = capsys.readouterr().out
    assert "chmod 600 .env" in text
    assert "abcdefgh" not in text


def test_the_table_keeps_each_row_on_one_line_in_a_pipe() -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "xsmom", "doctor"],
        env=os.environ | {"COLUMNS": "20"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    rows = answer.stdout.splitlines()
    assert len(rows) == 1 + len(run_checks(Path.cwd(), None))
    assert rows[0].split() == ["check", "status", "detail", "mend"]
    assert "\x1b[" not in answer.stdout
