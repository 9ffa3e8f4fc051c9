"""The units for systemd: what they start is there, their patience is longer than ours, and secrets are kept apart."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from xsmom.cli.front import app
from xsmom.config.load import load_config
from xsmom.engine.watchdog import WatchRules
from xsmom.live.watchdog.eyes import READ_S, SEND_S
from xsmom.live.watchdog.process import POLL_S

UNITS = ("xsmom-live", "xsmom-watchdog")


def read(root: Path, name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((root / "deploy" / f"{name}.service").read_text("utf-8"))
    return unit


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_that_is_there(root: Path, name: str) -> None:
    service = read(root, name)["Service"]
    program, command, *options = shlex.split(service["ExecStart"])
    assert Path(program).name == "xsmom"
    found = get_command(app).commands  # type: ignore[attr-defined]
    assert command in found
    assert options[0] == "--config"
    assert service["Type"] == "notify"
    assert service["Restart"] in ("on-failure", "always")
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_each_has_secrets_of_its_own(root: Path) -> None:
    files = [read(root, name)["Service"]["EnvironmentFile"] for name in UNITS]
    assert len(set(files)) == 2
    text = (root / "docs/how-to/watchdog.md").read_text("utf-8")
    assert all(f"install -m 0600 -o root /dev/null {file}" in text for file in files)


def test_a_unit_that_hangs_is_ended_no_sooner_than_it_may_be_busy(root: Path) -> None:
    beat_s = load_config(None, env={}).written.live.heartbeat_seconds
    assert int(read(root, "xsmom-live")["Service"]["WatchdogSec"]) >= 3 * beat_s
    # Open the line, three readings, an answer to what was sent, a pause: a round at its slowest.
    slowest_s = READ_S + 3 * READ_S / 2 + 10.0 + SEND_S + POLL_S
    assert int(read(root, "xsmom-watchdog")["Service"]["WatchdogSec"]) > slowest_s
    assert WatchRules().gap_ms / 1_000 > slowest_s


def test_neither_depends_on_the_other(root: Path) -> None:
    for name, other in zip(UNITS, reversed(UNITS), strict=True):
        unit = read(root, name)["Unit"]
        assert not any(other in value for value in unit.values())
