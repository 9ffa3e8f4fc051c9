"""Rows of the table of guards: entries that work already when a gate begins to refuse, and what shapes a target."""

from __future__ import annotations

from tests.e2e.live.guard_row import NOTED, SHAPES, UNIT, WAITING, Row

_STANDING = f"{UNIT}/test_standing.py"


def _waiting(setting: str, provoked: str, gate: str, seen: str, clears: str) -> Row:
    provoked = f"{provoked}, while entries rest"
    return Row(setting, provoked, f"gate.{gate}", seen, clears, WAITING, _STANDING, wire_phrase=f'"{gate}"')


_OFF = "they are called off"
_BACK = "they are taken back, and go on under new names when it is over in time"

WAITING_ROWS = {
    "entries_killed": _waiting(
        "risk.kill_switch",
        "a file is laid into the folder of the state",
        "kill_switch",
        _OFF,
        "`xsmom kill deactivate`",
    ),
    "entries_paused": _waiting("none: `xsmom pause`", "the operator's word", "mode", _OFF, "`xsmom resume`"),
    "entries_margin_soft": _waiting(
        "risk.margin_soft_limit_pct",
        "an order of somebody else takes most of the margin",
        "margin_soft",
        _OFF,
        "the next plan, when margin is free again",
    ),
    "entries_margin_hard": _waiting(
        "risk.margin_hard_limit_pct", "one takes more", "margin_hard", _OFF, "the next plan, when margin is free again"
    ),
    "entries_maintenance": _waiting(
        "risk.maintenance_margin_limit_pct",
        "the owner buys a large position",
        "maintenance",
        _OFF,
        "the next plan, when the rate is below its limit",
    ),
    "entries_liquidation": _waiting(
        "none: a tenth of the mark",
        "the owner buys a large position with high leverage",
        "liquidation_near",
        _OFF,
        "the next plan, when the distance has grown",
    ),
    "entries_delisting": _waiting(
        "none: always",
        "the exchange announces a contract's last trade",
        "delisting",
        "that one is called off",
        "nothing",
    ),
    "entries_breaker": _waiting(
        "risk.api_circuit_breaker", "the exchange answers quotes with status 503", "breaker", _BACK, "its cooldown"
    ),
    "entries_api_lag": _waiting(
        "risk.venue_limits.max_api_lag_seconds",
        "the exchange answers everything late",
        "api_lag",
        _BACK,
        "a minute of quick answers",
    ),
    "entries_clock_skew": _waiting(
        "risk.venue_limits.max_clock_skew_ms",
        "the exchange's clock goes ten minutes off",
        "clock_skew",
        _BACK,
        "the clocks agree again",
    ),
    "entries_stale_book": _waiting(
        "none: fixed", "the exchange cuts the private stream", "stale_book", _BACK, "the stream comes back"
    ),
    "entries_mismatch": _waiting(
        "none: an invariant of reconciling",
        "the wallet cannot be read; an order with a name of ours appears",
        "mismatch",
        _BACK,
        "the account is read; that order is gone",
    ),
    "entries_wallet": _waiting(
        "risk.venue_limits.max_unexplained_wallet_change_pct",
        "money comes in that the exchange does not list",
        "wallet",
        _BACK,
        "`xsmom classify`",
    ),
}


def _shaping(name: str, setting: str, provoked: str, seen: str) -> Row:
    return Row(setting, provoked, f"guard.{name}", seen, "the next decision", SHAPES, NOTED)


SHAPING_ROWS = {
    "risk_per_trade": _shaping(
        "risk_per_trade",
        "risk.risk_per_trade_frac",
        "a limit that the distance of the stops passes",
        "positions are opened smaller, so that none loses more at its first stop",
    ),
    "positions_max": _shaping(
        "positions_max",
        "strategy.entry_throttle.max_open_positions",
        "more names are selected than may be held",
        "no more than so many positions are opened",
    ),
    "exposure": _shaping(
        "exposure",
        "strategy.gross_hard_cap, strategy.net_cap_frac",
        "the volatility target asks for more than the cap",
        "gross stays below the cap",
    ),
    "atr_regime": _shaping(
        "atr_regime",
        "strategy.atr_regime",
        "every name is wild by its ATR",
        "the threshold of entries moves: here above every score, and nothing is opened",
    ),
    "vol_regime": _shaping(
        "vol_regime",
        "strategy.vol_regime",
        "volatility of the newest bars is above that before them",
        "the whole book is opened smaller",
    ),
}
