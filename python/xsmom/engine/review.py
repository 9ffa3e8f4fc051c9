"""The one door: every intent comes by here, and nothing else makes an `Approved`.

Openings are judged by each gate; the strictest verdict wins. A reduction is judged by none: it is only marked as
one for the exchange, and kept from being asked for twice in one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xsmom.domain.book import Book, Mode
from xsmom.domain.effects import Severity
from xsmom.domain.orders import Approved, Intent, Purpose, Refuse, Shrink, Style, Verdict, Veto, client_order_id
from xsmom.engine import execution
from xsmom.engine.gates import GATES, NET_CAP, Gate, Row, min_notional, net_cap
from xsmom.engine.rules import Rules
from xsmom.engine.turn import Turn

_LEAST = next(gate for gate in GATES if gate.veto is Veto.MIN_NOTIONAL)
_OF_BOOK = tuple(gate for gate in GATES if not gate.of_venue)
_URGENT = frozenset({Purpose.EXIT, Purpose.FLATTEN, Purpose.TRIM})
_TOLD_EVERY_MS = 900_000
"""A gate that keeps firing is told so often; each refusal has its own note all the same."""


@dataclass(slots=True)
class _Case:
    """An intent under review: lots (unsigned) that it is allowed so far, and who said why not."""

    intent: Intent
    order_id: str
    lots: int
    vetoes: tuple[Veto, ...] = ()
    why: str = ""


def review(turn: Turn, intents: Sequence[Intent]) -> list[Approved]:
    """Pass what may be sent, in the order in which it came; tell what may not."""
    if not intents:
        return []
    cases = _cases(turn, intents)
    for case in cases:
        if not case.intent.reduce_only:
            _judge(turn, case)
    if turn.rules.gates.facts_needed:
        _weigh(turn, cases)
    return [_approve(turn, case) for case in cases if _passes(turn, case)]


def _cases(turn: Turn, intents: Sequence[Intent]) -> list[_Case]:
    """New intents, reductions marked as such; no two may close the same lots."""
    book = turn.book
    cases: list[_Case] = []
    known: set[str] = set()
    room: dict[str, int] = {}
    waiting = execution.working_lots(book)
    for intent in intents:
        order_id = client_order_id(book.run_id, intent)
        if not intent.lots or order_id in book.tasks or order_id in book.orders or order_id in known:
            continue
        symbol, lots = intent.symbol, abs(intent.lots)
        at = book.roster.index(symbol)
        held = 0 if at is None else int(book.lots[at])
        coming = 0 if at is None or _makes_way(intent) else int(waiting[at])
        # What is left to close when everything before it is done: of a flip, the second leg opens.
        left = room.get(symbol, max(abs(held) + (coming if held > 0 else -coming), 0))
        against = held * intent.lots < 0 and lots <= left
        reduction = intent.reduce_only or against
        if reduction and intent.purpose is not Purpose.PROTECT:
            lots = min(lots, room.get(symbol, lots))
            room[symbol] = max(left - lots, 0)
        if lots:
            known.add(order_id)
            marked = intent if reduction == intent.reduce_only else replace(intent, reduce_only=reduction)
            cases.append(_Case(marked, order_id, lots))
    return cases


def _makes_way(intent: Intent) -> bool:
    """What works in the symbol is called off for it, and so closes nothing of what it closes."""
    return intent.purpose in _URGENT and intent.style is not Style.WHOLE


def _judge(turn: Turn, case: _Case) -> None:
    for gate in asked(turn.rules):
        verdict = gate.judge(case.intent, turn.book, turn.rules, turn.now_ms)
        if _apply(case, verdict):
            tell(turn, gate, case.intent, verdict)


def asked(rules: Rules) -> tuple[Gate, ...]:
    """The rows that this venue is judged by."""
    return GATES if rules.gates.facts_needed else _OF_BOOK


def _weigh(turn: Turn, cases: list[_Case]) -> None:
    """Look at the batch as a whole, then once more at what became smaller."""
    verdicts = net_cap.balance([(case.intent, case.lots) for case in cases], turn.book, turn.rules)
    for case, verdict in zip(cases, verdicts, strict=True):
        if case.intent.reduce_only:
            continue
        if _apply(case, verdict):
            tell(turn, NET_CAP, case.intent, verdict)
        if 0 < case.lots < abs(case.intent.lots):
            left = min_notional.judge(_sized(case), turn.book, turn.rules, turn.now_ms)
            if _apply(case, left):
                tell(turn, _LEAST, case.intent, left)


def _apply(case: _Case, verdict: Verdict) -> bool:
    """Take a verdict into account; whether it was against the intent."""
    if isinstance(verdict, Refuse):
        case.lots = 0
        case.vetoes += (verdict.veto,)
        case.why = case.why or verdict.why
        return True
    if isinstance(verdict, Shrink) and verdict.lots_max < abs(case.intent.lots):
        case.lots = min(case.lots, max(verdict.lots_max, 0))
        case.vetoes += (verdict.veto,)
        return True
    return False


def tell(turn: Turn, gate: Row, intent: Intent, verdict: Verdict) -> None:
    """Say that a gate fires; what goes on is repeated now and then."""
    if isinstance(verdict, Refuse) and (verdict.calm or _begins(turn.book, verdict)):
        return
    blind = isinstance(verdict, Refuse) and verdict.veto is Veto.BLIND
    turn.note_once(
        gate.alert,
        _TOLD_EVERY_MS,
        Severity.ERROR if blind else gate.severity,
        why=verdict.why if isinstance(verdict, Refuse) else f"{intent.symbol} was made smaller",
        blind=blind,
    )


def _begins(book: Book, verdict: Refuse) -> bool:
    """A process that has just begun knows nothing of its account yet: the mode says so, and each gate need not."""
    begins = book.mode in {Mode.BOOT, Mode.RECONCILING} and not book.venue.reconciled_ms
    return begins and verdict.veto is not Veto.MODE


def _passes(turn: Turn, case: _Case) -> bool:
    if case.lots:
        return True
    turn.note(
        "order.refused",
        symbol=case.intent.symbol,
        lots=case.intent.lots,
        purpose=case.intent.purpose.value,
        veto=case.vetoes[0].value,
        vetoes=[veto.value for veto in case.vetoes],
        why=case.why,
    )
    return False


def _approve(turn: Turn, case: _Case) -> Approved:
    intent = case.intent
    lots = case.lots if intent.lots > 0 else -case.lots
    turn.note(
        "order.approved",
        symbol=intent.symbol,
        lots=lots,
        wanted_lots=intent.lots,
        purpose=intent.purpose.value,
        reduce_only=intent.reduce_only,
        reference_price=intent.reference_price,
        client_order_id=case.order_id,
        vetoes=[veto.value for veto in case.vetoes],
    )
    return Approved(intent=intent, lots=lots, client_order_id=case.order_id, vetoes=case.vetoes)


def _sized(case: _Case) -> Intent:
    return replace(case.intent, lots=case.lots if case.intent.lots > 0 else -case.lots)


def gates_firing(book: Book, rules: Rules, now_ms: int, intent: Intent) -> list[tuple[Gate, Verdict]]:
    """Every gate that speaks against an intent, with its verdict; for who asks what stands in the way."""
    verdicts = ((gate, gate.judge(intent, book, rules, now_ms)) for gate in asked(rules))
    return [(gate, verdict) for gate, verdict in verdicts if isinstance(verdict, Refuse | Shrink)]
