"""Everything goes wrong at once, the same way each time: `just sim N` plays N seeds, `just proof` a thousand.

A seed that fails is played again by `pytest tests/simulation -k "seed and [17]"`; its log says what happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.checks import BrokenRuleError
from tests.simulation.market import BAR_MS
from tests.simulation.mutants import CALM, MUTANTS
from tests.simulation.world import Plan, World
from xsmom.store.memory import MemoryJournal

PROOF = os.environ.get("XSMOM_PROOF") == "1"
SEEDS = int(os.environ.get("XSMOM_SIM_SEEDS") or (1_000 if PROOF else 60))
_MUTANT_SEED = 2
_ROOT = Path(__file__).resolve().parents[2]
_PLAY = "import sys; from tests.simulation.world import World; print(World(3).run(refold=False).digest)"
_ran: dict[int, Counter[str]] = {}

BEFELL = frozenset(
    {
        "crash",
        "dark",
        "kill",
        "strip",
        "jump",
        "transfer",
        "transfer.seen",
        "venue.unread",
        "book.reconciled",
        "funding.paid",
        "position.closed",
    }
    | {"order.unknown", "order.absent", "order.rejected", "order.filled", "stop.placed", "stop.missing"}
    | {"rung.asked", "rung.placed", "rung.missing"}
)
"""What the seeds together must have met; a world in which nothing happens proves nothing."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_breaks_under_a_seed(seed: int) -> None:
    played = World(seed).run(refold=PROOF or seed % 4 == 1)
    _ran[seed] = Counter(played.counts)


def test_the_seeds_met_trouble() -> None:
    if len(_ran) < 20:
        pytest.skip("needs the first twenty seeds of this run")
    met: Counter[str] = sum(_ran.values(), Counter())
    assert sorted(one for one in BEFELL if not met[one]) == []


def test_one_seed_is_one_log_to_the_byte() -> None:
    """In two processes of their own, whose sets and mappings of text are in other orders."""
    first, second = (
        subprocess.run(
            [sys.executable, "-c", _PLAY],
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": order},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for order in ("7", "11")
    )
    assert first == second != ""


def test_a_restart_without_a_snapshot_goes_on_with_the_same_window() -> None:
    played = World(_MUTANT_SEED, replace(CALM, crashes_ms=(2 * BAR_MS + 60_000, 3 * BAR_MS + 60_000)))
    played.journal = MemoryJournal()
    played.run()
    assert played.counts["crash"] == 2
    assert played.counts["boot"] == 3


@cache
def holds_without_a_bug(plan: Plan) -> bool:
    """Whether the trouble of a mutant breaks nothing by itself."""
    World(_MUTANT_SEED, plan).run(refold=False)
    return True


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    assert holds_without_a_bug(mutant.plan)
    mutant.plant(monkeypatch)
    with pytest.raises(BrokenRuleError) as caught:
        World(_MUTANT_SEED, mutant.plan).run()
    assert caught.value.rule in mutant.rules
