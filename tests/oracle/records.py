"""Slow, readable twin of the kernel's records of round trips (docs/explanation/exits.md §4).

`replay(events, params)` takes one dict an event: ``kind`` is ``trip`` (symbol, net_usdt, at_ms) or ``stop``
(symbol, side 0 long or 1 short, at_ms); ``at_ms`` is the close of a bar. It returns the state, in which
``until_ms[symbol][kind]`` is ``[long, short]``. `barred(state, symbol, close_ms)` reads it as a decision does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import comb
from typing import Any

from tests.oracle.exit_params import full_params

Dict = dict[str, Any]
KINDS = ("cooldown", "banned", "streak", "symbol_loss")


def beta_cdf(wins: int, losses: int, x: float) -> float:
    """Chance that the win rate is below ``x``, exactly, in whole-number arithmetic."""
    rate = Fraction(min(max(x, 0.0), 1.0))
    n = wins + losses + 1
    terms = (comb(n, j) * rate**j * (1 - rate) ** (n - j) for j in range(wins + 1, n + 1))
    return float(sum(terms))


def fails(record: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    params = full_params(params)
    wins, losses = record["wins"], record["losses"]
    if wins + losses < params["symbol_score_min_trades"]:
        return False
    least = params["symbol_score_profit_factor_min"]
    if losses == 0 or least == 0:
        return False
    payoff = 0.0
    if wins > 0:
        payoff = (record["gain_usdt"] / wins) / (record["loss_usdt"] / losses)
    low_rate = beta_cdf(wins, losses, params["symbol_score_win_rate_min"]) >= 0.8
    return low_rate and beta_cdf(wins, losses, least / (least + payoff)) >= 0.8


def fresh(symbols: int) -> Dict:
    return {
        "score": [_empty() for _ in range(symbols)],
        "streak": [0] * symbols,
        "book_streak": 0,
        "book_until_ms": 0,
        "until_ms": [{kind: [0, 0] for kind in KINDS} for _ in range(symbols)],
        "awaiting_reentry": [[False, False] for _ in range(symbols)],
    }


def _empty() -> Dict:
    return {"wins": 0, "losses": 0, "gain_usdt": 0.0, "loss_usdt": 0.0}


def _bar(state: Dict, symbol: int, sides: Iterable[int], kind: str, until_ms: int) -> None:
    slots = state["until_ms"][symbol][kind]
    for which in sides:
        slots[which] = max(slots[which], until_ms)


def _trip(state: Dict, event: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    symbol, net, at_ms = event["symbol"], event["net_usdt"], event["at_ms"]
    if net == 0:
        return
    score = state["score"][symbol]
    if net > 0:
        score["wins"] += 1
        score["gain_usdt"] += net
        state["streak"][symbol] = state["book_streak"] = 0
    else:
        score["losses"] += 1
        score["loss_usdt"] += -net
        state["streak"][symbol] += 1
        state["book_streak"] += 1
    limit, until = params["streak_losses"], at_ms + params["streak_pause_ms"]
    if params["streak_scope"] == "symbol" and 0 < limit <= state["streak"][symbol]:
        state["streak"][symbol] = 0
        _bar(state, symbol, (0, 1), "streak", until)
    if params["streak_scope"] == "book" and 0 < limit <= state["book_streak"]:
        state["book_streak"] = 0
        state["book_until_ms"] = max(state["book_until_ms"], until)
    if params["symbol_score_enabled"] and fails(score, params):
        state["score"][symbol] = _empty()
        _bar(state, symbol, (0, 1), "banned", at_ms + params["symbol_score_ban_ms"])


def replay(events: Iterable[Mapping[str, Any]], symbols: int, params: Mapping[str, Any]) -> Dict:
    params = full_params(params)
    state = fresh(symbols)
    for event in events:
        if event["kind"] == "trip":
            _trip(state, event, params)
            continue
        until = event["at_ms"] + params["cooldown_bars"] * params["bar_ms"]
        _bar(state, event["symbol"], (event["side"],), "cooldown", until)
        state["awaiting_reentry"][event["symbol"]][event["side"]] = True
    return state


def barred(state: Mapping[str, Any], symbol: int, close_ms: int) -> list[tuple[int, str | None]]:
    """For long and short: until when it is barred at this close, and why; ``(0, None)`` when not."""
    told: list[tuple[int, str | None]] = []
    for which in (0, 1):
        lasting = {kind: state["until_ms"][symbol][kind][which] for kind in KINDS}
        lasting["streak"] = max(lasting["streak"], state["book_until_ms"])
        kind = max(KINDS, key=lasting.__getitem__)
        told.append((lasting[kind], kind) if lasting[kind] > close_ms else (0, None))
    return told
