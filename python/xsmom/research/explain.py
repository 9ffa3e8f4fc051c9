"""Why a name has the target it has, in plain words: what `xsmom why` shows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xsmom.domain.panel import Panel
from xsmom.domain.stamps import format_ms
from xsmom.kernel import REASON_TEXTS
from xsmom.research.cross_section import CrossSection, Fields, cross_section, eligible_names
from xsmom.research.decision import Decision, Held, decide_at, find_symbol, hold_alone, renewed_tranche
from xsmom.research.rungs import Rung, selection_rungs, signal_rungs, size_rungs, universe_rungs

_AROUND = 3
_LIMITS = {"leg_short", "net_cap", "gross_cap", "stale_room", "correlated", "cluster_cap"}


@dataclass(frozen=True)
class Neighbour:
    """A name near the one that was asked for, in the ranking of its side."""

    rank: int
    symbol: str
    z: float
    s: float
    weight_frac: float
    reason: str


@dataclass(frozen=True)
class Explanation:
    """One name at one decision; `rungs` hold all numbers, `because` the one that settled it."""

    symbol: str
    panel_label: str
    panel_first_ms: int
    asked_ms: int
    decided_ms: int
    settled: bool
    book: str
    side: str
    weight_frac: float
    reason: str
    sentence: str
    because: str
    rungs: tuple[Rung, ...]
    around: tuple[Neighbour, ...]

    def document(self) -> dict[str, Any]:
        """The same as one JSON object; what is not known is null."""
        known: dict[str, Any] = _known(asdict(self))
        return known


def explain(
    panel: Panel, params: Fields, symbol: str, at_ms: int | None = None, held: Held | None = None
) -> Explanation:
    """Explain the target that `symbol` has at the last decision at or before `at_ms`."""
    i = find_symbol(panel, symbol)  # before the work of a decision
    decision = decide_at(panel, params, at_ms)
    if held is not None:
        decision = hold_alone(decision, symbol, held)
    return explain_decision(decision, i, int(panel.close_ms[-1]) if at_ms is None else at_ms)


def explain_decision(decision: Decision, i: int, asked_ms: int) -> Explanation:
    """Explain name `i` of a decision."""
    cross = scores(decision)
    rungs = (
        *universe_rungs(decision, i),
        *signal_rungs(decision, i, cross),
        *selection_rungs(decision, i, cross),
        *size_rungs(decision, i),
    )
    reason = decision.reasons[i]
    return Explanation(
        symbol=decision.panel.symbols[i],
        panel_label=decision.panel.label,
        panel_first_ms=int(decision.panel.close_ms[0]),
        asked_ms=asked_ms,
        decided_ms=decision.close_ms,
        settled=decision.settled,
        book=decision.book,
        side={1: "long", -1: "short", 0: ""}[int(np.sign(decision.weight_frac[i]))],
        weight_frac=float(decision.weight_frac[i]),
        reason=reason,
        sentence=REASON_TEXTS[reason],
        because=_because(reason, rungs, decision, i, cross),
        rungs=rungs,
        around=tuple(_around(decision, i, cross)),
    )


def scores(decision: Decision) -> CrossSection:
    """Scores and ranks of all names at a decision."""
    eligible = eligible_names(decision.panel, decision.row, decision.params, decision.state)
    return cross_section(decision.row, eligible, decision.params, decision.state)


def show_value(value: float | None, unit: str) -> str:
    """A number as people read it, in its unit."""
    if value is None:
        return ""
    if math.isnan(value):
        return "unknown"
    if unit == "time":
        return format_ms(int(value))
    if unit == "flag":
        return "yes" if value else "no"
    if unit in {"bars", "rank"}:
        return f"{value:,.0f}"
    forms = {
        "share": f"{value:+.2%}" if value else "0",
        "frac": f"{value:.2%}",
        "usdt": f"{value:,.0f} USDT",
        "price": f"{value:.6g}",
        "days": f"{value:,.1f} days",
        "bps_day": f"{value:+.2f} bps a day",
        "scale": f"{value:.3f}",
    }
    return forms.get(unit, f"{value:.4g}")


def show_limit(rung: Rung) -> str:
    """What a rung is compared with: `at least 90 days`."""
    return f"{rung.wants} {show_value(rung.limit, rung.unit)}".strip()


def _because(reason: str, rungs: tuple[Rung, ...], decision: Decision, i: int, cross: CrossSection) -> str:
    """The number behind the reason, where one number settled it."""
    failed = next((rung for rung in rungs if rung.rule == reason and rung.passed is False), None)
    wanted = next(rung.value for name in ("scaled", "tranches", "raw") for rung in rungs if rung.rule == name)
    if failed is not None and failed.stage == "size":
        return f"It would be {show_value(wanted, 'share')}; the {failed.text} is {show_value(failed.value, 'frac')}."
    if reason in {"stale", "stale_too_long"}:
        missing, most = int(decision.stale_bars[i]), decision.params["stale_bars_max"]
        return f"It has had no bar for {missing} of them; a held name is kept as it is for {most}."
    if reason in _LIMITS:
        return _limited(wanted, float(decision.weight_frac[i])) + _elder(decision, i)
    if reason == "not_selected" and cross.eligible[i]:
        top, bottom = cross.rank(i, 1), cross.rank(i, -1)
        return f"It ranks {top} from the top and {bottom} from the bottom of {cross.names}; {cross.k} a side are taken."
    if failed is not None and failed.unit == "flag":
        return ""  # the sentence of the reason has said it
    if failed is not None and failed.wants == "of":
        return f"{_capital(failed.text)}: {show_value(failed.value, failed.unit)} {show_limit(failed)}, {failed.note}."
    if failed is not None and failed.value is not None:
        limit = show_limit(failed)
        return f"{_capital(failed.text)}: {show_value(failed.value, failed.unit)}{f', wants {limit}' if limit else ''}."
    if reason in {"selected", "kept"}:
        side = cross.side_of(i)
        word = "top" if side > 0 else "bottom"
        return f"It ranks {cross.rank(i, side)} from the {word} of {cross.names}; {cross.k} a side are taken."
    if reason == "older_tranche":
        tranches = decision.state["tranche_weight"][:, i]
        return f"{int((tranches != 0).sum())} of {len(tranches)} tranches hold it; the one renewed now does not."
    return ""


def _limited(wanted: float | None, target: float) -> str:
    """From the multipliers to the target, in the direction in which it went."""
    left, made = show_value(wanted, "share"), show_value(target, "share")
    if wanted is not None and abs(target) > abs(wanted):
        return (
            f"The multipliers left {left}; what capped names could not hold raised it, and the rule cut it to {made}."
        )
    return f"The multipliers left {left}; caps, room and balance made it {made}."


def _elder(decision: Decision, i: int) -> str:
    """Where the decision of today does not hold the name, and older ones still do."""
    tranches = decision.state["tranche_weight"]
    if tranches[renewed_tranche(decision)][i] != 0 or not tranches[:, i].any():
        return ""
    held = int((tranches[:, i] != 0).sum())
    return f" {held} of {len(tranches)} tranches hold it; the one renewed now does not."


def _around(decision: Decision, i: int, cross: CrossSection) -> list[Neighbour]:
    side = cross.side_of(i)
    if not side:
        return []
    rank = cross.rank(i, side)
    ranks = cross.rank_long if side > 0 else cross.rank_short
    near = [j for j in np.argsort(ranks) if ranks[j] and abs(ranks[j] - rank) <= _AROUND]
    return [
        Neighbour(
            rank=int(ranks[j]),
            symbol=decision.panel.symbols[j],
            z=float(cross.z[j]),
            s=float(cross.s[j]),
            weight_frac=float(decision.weight_frac[j]),
            reason=decision.reasons[j],
        )
        for j in near
    ]


def _capital(text: str) -> str:
    if text[1:2] == ",":  # a symbol of the manual stays as it is
        return f"Its {text}"
    return text[:1].upper() + text[1:]


def _known(value: Any) -> Any:
    """A document without NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
