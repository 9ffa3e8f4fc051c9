"""Rules for an exchange in time-lapse: what takes real time takes so much more of its time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xsmom.engine.rules import Rules

# Waits for answers, views, confirmations, and for orders that are being worked.
_PROTECT = (
    "blind_max_ms",
    "confirm_ms",
    "every_deaf_ms",
    "every_ms",
    "exit_ms",
    "move_ms",
    "naked_max_ms",
    "poll_ms",
    "repair_ms",
)
_AGREE = ("stable_ms", "visible_ms")
_WORK = ("deadline_ms", "depth_age_ms", "depth_every_ms", "recv_window_ms", "reprice_ms", "untold_ms")
# Clocks are compared across the network: half a round trip is so much more of the exchange's time.
_GATES = ("account_age_max_ms", "market_after_ms", "skew_max_ms")


def stretch(rules: Rules, lapse: float) -> Rules:
    """The same rules where a second of the wall is `lapse` seconds of the exchange."""
    if lapse == 1.0:
        return rules
    agree = replace(rules.agree, **_times(rules.agree, _AGREE, lapse))
    # Lists are read again from well before the newest row, for rows that are shown late. That is already the exchange's
    # time: ten minutes of it, stretched like a wait, would be days that are read again every five minutes.
    agree = replace(agree, overlap_ms=max(agree.overlap_ms, agree.visible_ms))
    return replace(
        rules,
        protect=replace(rules.protect, **_times(rules.protect, _PROTECT, lapse)),
        agree=agree,
        work=replace(rules.work, **_times(rules.work, _WORK, lapse)),
        gates=replace(rules.gates, **_times(rules.gates, _GATES, lapse)),
    )


def _times(rules: Any, names: tuple[str, ...], lapse: float) -> dict[str, Any]:
    return {name: round(getattr(rules, name) * lapse) for name in names}
