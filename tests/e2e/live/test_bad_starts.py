"""Starts of the real command that must not trade: each is refused in one sentence, with a code, and sends nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.e2e.live.programs import LAPSE, Programs


def refused(programs: Programs, **environment: str) -> str:
    """What a start says that ends by itself: one sentence, no traceback, and a code that is not 0."""
    command = [sys.executable, "-W", "ignore", "-m", "xsmom", "live", "--config", str(programs.config)]
    answer = subprocess.run(
        [*command, "--lapse", LAPSE],
        cwd=programs.folder,
        env={**programs.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = answer.stderr.strip()
    assert answer.returncode not in (0, 1, 70), answer.stdout + said
    assert "Traceback" not in answer.stdout + said
    last = " ".join(said.splitlines()[-3:])
    assert last, answer.stdout
    return last


def untouched(programs: Programs) -> bool:
    truth = programs.truth()
    return not truth["open_orders"] and not truth["closed_orders"]


def test_a_key_that_should_not_trade_does_not(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        assert "XSMOM__EXCHANGE__API_SECRET" in refused(programs, XSMOM__EXCHANGE__API_SECRET="wrong-secret")
        programs.command("key", key="kkkkkkkk", can_withdraw=True)
        assert "withdraw" in refused(programs)
        assert untouched(programs)
