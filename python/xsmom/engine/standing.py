"""Entries that were approved before, and still work: gates that have begun to refuse since are asked about them too.

An order that rests, and a slice that is still to come, open as much as a new one does. What becomes of them is a column
of the table of gates (`Standing`): they wait, they are taken back until the gate is silent, or they are called off.
Reductions are asked about by no gate, here as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xsmom.domain.orders import Allow, Refuse, Task, Verdict
from xsmom.engine import execution
from xsmom.engine.facts import fills_at_bars
from xsmom.engine.gates import GATES, Gate, Standing
from xsmom.engine.review import tell
from xsmom.engine.turn import Turn

_ASKED: Final = tuple(gate for gate in GATES if gate.standing is not Standing.STAYS)


def judge_standing(turn: Turn) -> None:
    """Ask every gate about every entry that works; a venue that fills whole at bars has none that could be stopped."""
    if not turn.rules.gates.facts_needed or fills_at_bars(turn.rules):
        return
    entries = _entries(turn)
    if not entries:
        return
    common: dict[Gate, Verdict] = {}
    ended: dict[str, str] = {}
    barred: dict[str, str] = {}
    taken_back: set[str] = set()
    for name, task in entries.items():
        against = list(_against(turn, task, common))
        harshest = {gate.standing for gate, _ in against}
        if Standing.CALLED_OFF in harshest:
            ending = [one for one in against if one[0].standing is Standing.CALLED_OFF]
            ended[name] = f"{', '.join(gate.veto.value for gate, _ in ending)}: {ending[0][1]}"
            continue
        barred[name] = against[0][0].veto.value if against else ""
        if Standing.TAKEN_BACK in harshest:
            taken_back.add(name)
    if ended:
        execution.call_off_entries(turn, ended)
    resting = {
        order.parent_id
        for order in turn.book.orders.values()
        if not order.phase.final and order.cancel_asked_ms is None
    }
    news = {
        name: gate for name, gate in barred.items() if entries[name].barred_by != gate or name in taken_back & resting
    }
    if news:
        execution.bar_entries(turn, news, frozenset(taken_back))


def _entries(turn: Turn) -> dict[str, Task]:
    return {
        name: task for name, task in turn.book.tasks.items() if not (task.approved.intent.reduce_only or task.ending)
    }


def _against(turn: Turn, task: Task, common: dict[Gate, Verdict]) -> Iterator[tuple[Gate, str]]:
    """Gates that would refuse it now, and why; each is told."""
    intent = task.approved.intent
    for gate in _ASKED:
        verdict = common.get(gate)
        if verdict is None:
            verdict = gate.judge(intent, turn.book, turn.rules, turn.now_ms)
            if not gate.by_name:
                common[gate] = verdict
        if not isinstance(verdict, Allow):
            tell(turn, gate, intent, verdict)
            yield gate, verdict.why if isinstance(verdict, Refuse) else ""
