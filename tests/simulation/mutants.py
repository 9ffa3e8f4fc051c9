"""Planted bugs, each with the trouble in which it shows and the rules that may catch it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest

from tests.simulation.market import BAR_MS
from tests.simulation.venue import Faults
from tests.simulation.world import Plan
from xsmom.domain.book import Kill
from xsmom.domain.effects import FetchAccount
from xsmom.domain.orders import Veto
from xsmom.engine import boot, modes, money, review, sentinel
from xsmom.engine.execution import doubt, worker
from xsmom.engine.sentinel import ladder

Plant = Callable[[pytest.MonkeyPatch], None]
_KILL_MS = 2 * BAR_MS + 60_000
CALM = Plan(Faults(), (), (), (), None, kill_flattens=False, bars=4)
STRIPPED = replace(CALM, strips_ms=tuple(range(BAR_MS + 60_000, 4 * BAR_MS, 60_000)))
KILLED = replace(CALM, kill_ms=_KILL_MS)
KILLED_AT_WORK = replace(CALM, kill_ms=BAR_MS + 6_000)
DIED_KILLED = replace(KILLED, crashes_ms=(_KILL_MS + 20_000,))


@dataclass(frozen=True)
class Mutant:
    """A planted bug."""

    plant: Plant
    plan: Plan
    rules: frozenset[str]


def _no_sentinel(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sentinel, "guard_positions", lambda _turn: [])


def _fills_twice(patch: pytest.MonkeyPatch) -> None:
    fold = money.fold_fill

    def forgetful(turn: Any, fill: Any, *, stopped: bool = False) -> bool:
        seen = {one: at for one, at in turn.book.fills_seen.items() if one != fill.exec_id}
        turn.put(fills_seen=seen)
        return fold(turn, fill, stopped=stopped)

    patch.setattr(money, "fold_fill", forgetful)


def _transfers_twice(patch: pytest.MonkeyPatch) -> None:
    fold = money.fold_transfer

    def forgetful(turn: Any, event: Any) -> None:
        fold(turn, event)
        turn.put(transfers_seen={})

    patch.setattr(money, "fold_transfer", forgetful)


def _kill_forgotten(patch: pytest.MonkeyPatch) -> None:
    restart = boot.restart

    def fresh(turn: Any, event: Any) -> None:
        restart(turn, event)
        turn.put(kill=Kill())

    patch.setattr(boot, "restart", fresh)


def _halted_opens(patch: pytest.MonkeyPatch) -> None:
    asked = review.asked
    blind = {Veto.MODE, Veto.KILL_SWITCH}
    patch.setattr(review, "asked", lambda rules: tuple(one for one in asked(rules) if one.veto not in blind))
    patch.setattr(modes, "plans", lambda _book: True)
    patch.setattr(modes, "plan_guard", lambda *_: "none")


def _work_goes_on(patch: pytest.MonkeyPatch) -> None:
    waits_for = worker.Worker._waits_for

    def hasty(self: Any, *about: Any) -> str:
        why = waits_for(self, *about)
        return "" if why == "mode" else why

    patch.setattr(worker.Worker, "_waits_for", hasty)
    # The package has a function of that name: the module is asked for by its path.
    patch.setattr(import_module("xsmom.engine.execution.work"), "give_up", lambda *_: None)
    patch.setattr(modes, "cancel_entries", lambda *_: None)
    patch.setattr("xsmom.engine.step.judge_standing", lambda *_: None)


def _absent_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(doubt, "proof_ms", lambda _bench, order: order.sent_ms)


def _whim(patch: pytest.MonkeyPatch) -> None:
    settle, count = modes.settle_mode, itertools.count(1)

    def moody(turn: Any) -> None:
        settle(turn)
        if next(count) % 50 == 0:
            turn.send(FetchAccount("whim"))

    patch.setattr("xsmom.engine.step.settle_mode", moody)


def _wide_rungs(patch: pytest.MonkeyPatch) -> None:
    wanted = ladder._wanted

    def doubled(turn: Any, holding: Any) -> Any:
        return [replace(one, lots=2 * one.lots) for one in wanted(turn, holding)]

    patch.setattr(ladder, "_wanted", doubled)


MUTANTS: dict[str, Mutant] = {
    "rungs of the ladder close twice as much": Mutant(_wide_rungs, CALM, frozenset({"ladder"})),
    "the sentinel never sends": Mutant(_no_sentinel, STRIPPED, frozenset({"naked"})),
    "a fill that comes twice is folded twice": Mutant(
        _fills_twice,
        replace(CALM, faults=Faults(twice=0.5), bars=2),
        frozenset({"ledger_lots", "ledger_cash", "unresolved"}),
    ),
    "a transfer that is read again is folded again": Mutant(
        _transfers_twice,
        replace(CALM, moves_ms=((60_000, 900), (200_000, -150))),
        frozenset({"ledger_cash", "ledger_transfers", "gross"}),
    ),
    "a restart forgets the kill switch": Mutant(
        _kill_forgotten, DIED_KILLED, frozenset({"approved_while_halted", "opened_while_halted", "kill"})
    ),
    "plans and gates pass openings when halted": Mutant(_halted_opens, KILLED, frozenset({"approved_while_halted"})),
    "orders under way go on when killed": Mutant(_work_goes_on, KILLED_AT_WORK, frozenset({"opened_while_halted"})),
    "an order is taken for absent at once": Mutant(
        _absent_at_once, replace(CALM, faults=Faults(slow=0.3, cut=0.3, unread=0.05)), frozenset({"sent_again"})
    ),
    "a step is no function of its event": Mutant(_whim, CALM, frozenset({"restart"})),
}
