"""What befalls a trader that runs, as processes: a full disk, a held database, changed settings, a contract that goes.

Each ends or stays as it is defined to, says one sentence, loses nothing, and goes on after the mend.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.live.programs import Programs, added_up
from tests.e2e.live.test_bad_starts import refused
from xsmom.store.database import SQLITE_FILE

ROOMY = "1g"
HOUR_MS = 3_600_000


@contextlib.contextmanager
def own_disk(place: Path) -> Iterator[bool]:
    """A file system of its own under a folder; False where nobody may mount one."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(place)]
    made = os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "-l", place], check=True)


def resize(place: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True)


def fill_up(place: Path) -> None:
    """Leave no page free: the file system becomes as small as what it holds."""
    seen = os.statvfs(place)
    resize(place, str((seen.f_blocks - seen.f_bfree) * seen.f_frsize))


def ended(programs: Programs) -> tuple[int, str]:
    """Code and last word of a trader that ends by itself."""
    assert programs.trader is not None
    code = programs.trader.wait(60)
    said = programs.said()
    assert "Traceback" not in said
    return code, said.strip().splitlines()[-1]


def agrees(programs: Programs) -> None:
    """Book and exchange hold the same, every execution is in the ledger, and nothing was sent twice."""
    truth = programs.truth()
    held = {truth["names"][row["symbol"]]: row["lots"] for row in truth["positions"] if row["lots"]}
    booked, filled = programs.journal()
    assert booked == held
    traded = [row for row in truth["executions"] if row["kind"] == "trade" and row["client_id"]]
    assert filled.items() >= added_up((row["client_id"], row["lots"]) for row in traded).items()
    sent = [row["client_id"] for row in (*truth["open_orders"], *truth["closed_orders"]) if row["client_id"]]
    assert len(sent) == len(set(sent)) > 0
    assert all(row["stop_loss_ticks"] for row in truth["positions"] if row["lots"])


def test_changed_settings_a_held_database_and_a_full_disk(tmp_path: Path) -> None:
    """One life, since a start is dear."""
    with own_disk(tmp_path / "state") as own, Programs(tmp_path) as programs:
        programs.start()
        programs.until(programs.settled)
        _settings_changed(programs)
        _database_held(programs)
        if own:
            _disk_full(programs)
        programs.kill()
        agrees(programs)


@pytest.mark.proof
def test_refused_modes_a_second_one_and_a_contract_that_goes(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        _modes_refused(programs)
        assert "one account has one writer" in refused(programs)
        _contract_gone(programs)
        agrees(programs)
        with sqlite3.connect(programs.state / SQLITE_FILE) as database:
            database.execute("UPDATE alembic_version SET version_num = 'of_tomorrow'")
        assert "use the one that wrote it" in refused(programs)


def _disk_full(programs: Programs) -> None:
    """It stops in one sentence, is not started on a full disk, and goes on where room was made; stops stand."""
    fill_up(programs.state)
    code, said = ended(programs)
    assert (code, "the disk is full" in said) == (6, True), said
    assert all(row["stop_loss_ticks"] for row in programs.truth()["positions"] if row["lots"])
    assert "disk: 0.0 GB free" in refused(programs)
    resize(programs.state, ROOMY)
    programs.start()
    programs.until(programs.settled)


def _modes_refused(programs: Programs) -> None:
    """Hedge mode that stays, and leverage that is not given: it says so, opens nothing, and asks again."""
    refusals = [
        {"do": "ret", "match": "/v5/position/switch-mode", "code": 110024, "text": "in hedge mode", "times": 0},
        {"do": "ret", "match": "/v5/position/set-leverage", "code": 110013, "text": "leverage denied", "times": 0},
    ]
    programs.command("faults", script=refusals)
    programs.start()
    programs.until(lambda: "book.mismatched" in programs.said())
    told = programs.said()
    assert "position mode could not be set: in hedge mode" in told
    assert "leverage denied" in told
    time.sleep(2.0)  # 40 s of the exchange: a bar has been decided, or would have been
    assert not programs.truth()["open_orders"]
    assert not programs.truth()["closed_orders"]
    programs.command("faults", clear=True)
    programs.until(lambda: "modes.set" in programs.said())
    programs.kill()
    # The next bar is minutes away; a new journal decides this one anew.
    shutil.rmtree(programs.state)
    programs.start()
    programs.until(programs.settled)


def _settings_changed(programs: Programs) -> None:
    """Told once by name, and obeyed by the next start alone."""
    text = programs.config.read_text("utf-8")
    programs.config.write_text(text.replace("{timeframe: 1h}", "{timeframe: 1h, k_max: 3}"), "utf-8")
    programs.until(lambda: "config.changed" in programs.said())
    assert "strategy.k_max: 4 -> 3" in programs.said()
    assert json.loads(programs.run("status", "--json"))["config_changed"] is True
    programs.config.write_text(text.replace("1h", "1h, k_maxx: 3"), "utf-8")
    programs.until(lambda: "config.unreadable" in programs.said())
    assert "k_maxx" in programs.said()
    programs.config.write_text(text, "utf-8")
    programs.until(lambda: "config.restored" in programs.said())
    assert programs.said().count("config.changed") == 1


def _database_held(programs: Programs) -> None:
    """Somebody opened it with a browser: the trader ends in one sentence, and goes on after it."""
    other = sqlite3.connect(programs.state / SQLITE_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    code, said = ended(programs)
    assert (code, "another program holds it" in said) == (20, True), said
    other.rollback()
    other.close()
    programs.start()
    programs.until(programs.settled)


def _contract_gone(programs: Programs) -> None:
    """Killed while it holds; when it comes back the exchange knows no such contract any more."""
    programs.kill()
    held, _ = programs.journal()
    symbol = min(held)
    programs.command("delist", symbol=symbol, at_ms=programs.command("state")["now_ms"] + 1_000)
    now_ms = programs.command("state")["now_ms"]
    programs.command("advance", to_ms=(now_ms // HOUR_MS + 1) * HOUR_MS + 60_000)
    truth = programs.truth()
    assert symbol not in [truth["names"][row["symbol"]] for row in truth["positions"] if row["lots"]]
    programs.start()
    programs.until(programs.settled)
    programs.kill()
    assert symbol not in programs.journal()[0]
