"""The rules that raw rows are judged by, in one table, and what a finding is.

`check` shows what the rules found, `compile` does what the table says: both read the same verdicts. The
manual's page on data quality is generated from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from xsmom.domain.stamps import format_ms

VERSION = 1
"""Changes whenever the same rows would be judged otherwise; panels tell it in their provenance."""


class Severity(Enum):
    """How much a finding matters."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Action(Enum):
    """What the panel does about it."""

    DROP = "drop row"
    ONE = "keep one row"
    NAN = "NaN"
    SPLIT = "split"
    JOIN = "join"
    SNAP = "snap"
    KEEP = "keep"
    REFUSE = "leave out"


class Sees(Enum):
    """What a rule looks at. Whoever trades live does not have the rows to the right yet."""

    BAR = "the row itself"
    PAST = "rows up to it"
    NEXT = "the next bar"
    LATER = "later rows"


class Rule(NamedTuple):
    """One rule: what it finds, how bad that is, and what the panel does about it."""

    name: str
    finds: str
    severity: Severity
    action: Action
    does: str
    sees: Sees


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that a configuration sets (section `data`)."""

    spike_frac: float = 0.5
    stale_bars: int = 12

    def document(self) -> dict[str, float]:
        """As a panel's provenance tells them."""
        return {"max_spike_frac": self.spike_frac, "max_stale_bars": self.stale_bars}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found in one series, from the first row's stamp to the last one's."""

    symbol: str
    rule: str
    first_ms: int
    last_ms: int
    rows: int
    detail: str

    @property
    def severity(self) -> Severity:
        """That of its rule."""
        return RULES[self.rule].severity

    @property
    def action(self) -> Action:
        """That of its rule."""
        return RULES[self.rule].action

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "symbol": self.symbol,
            "rule": self.rule,
            "severity": self.severity.value,
            "action": self.action.value,
            "first_ms": self.first_ms,
            "last_ms": self.last_ms,
            "first": format_ms(self.first_ms),
            "last": format_ms(self.last_ms),
            "rows": self.rows,
            "detail": self.detail,
        }


RELIST_DAYS = 14
"""A name that was silent for so long has been delisted; if it speaks again, that is a new listing."""

JUMP_X = 5.0
"""No market opens at five times its last close, or a fifth of it, while it trades."""

JUMP_AFTER_GAP_X = 3.0
"""The same after absent bars."""

WILD_WICK_X = 10.0
"""A wick to ten times the body, or a tenth of it, is no price that anybody could have traded at."""

HALF_FINISHED_FRAC = 0.1
"""Part of its own range by which a bar's close is apart from the next open, in a bar that was cut off."""

HALF_FINISHED_NAMES = 3
"""Names that it takes to tell a bar that was cut off from one name's odd bar."""

JOIN_X = 1.6
"""Prices on both sides of a rename or redenomination agree within this factor, or they are not joined."""

RATE_FRAC_MAX = 0.05
"""No exchange settles more than five percent at once."""

RATE_FRAC_USUAL_MAX = 0.003
"""Where the median print is larger than this, somebody has stored percent."""

RATES_TO_JUDGE_UNIT = 30

MARK_APART_FRAC = 0.03
"""Mark and last price at one close, apart from each other."""

PARTS_FRAC_MIN = 0.95
"""Share of its small bars that a bar needs, beside the first and the last of them."""

_N, _W, _E = Severity.NOTE, Severity.WARNING, Severity.ERROR
_DROP, _ONE, _NAN, _SPLIT = Action.DROP, Action.ONE, Action.NAN, Action.SPLIT
_JOIN, _SNAP, _KEEP, _REFUSE = Action.JOIN, Action.SNAP, Action.KEEP, Action.REFUSE

_TABLE = (
    # --- rows of bars ---
    Rule("disorder", "rows that do not rise in time", _W, _KEEP, "sorted", Sees.PAST),
    Rule("off_grid", "stamps that are no multiple of the bar", _E, _DROP, "the row is dropped", Sees.BAR),
    Rule("duplicate", "the same row twice", _N, _ONE, "one is kept", Sees.PAST),
    Rule(
        "conflict",
        "one bar told with different values",
        _E,
        _NAN,
        "the version that is possible, if only one is; else the bar is NaN",
        Sees.LATER,
    ),
    Rule(
        "unproven_last",
        "the newest bar of a download before its close, or of a file that tells of a living market",
        _N,
        _DROP,
        "the row is dropped: nothing says that the bar was finished",
        Sees.BAR,
    ),
    Rule("bad_price", "a price of zero, below zero, or none", _E, _NAN, "the bar is NaN", Sees.BAR),
    Rule("broken_range", "high or low on the wrong side of open or close", _E, _NAN, "the bar is NaN", Sees.BAR),
    Rule("volume_hole", "no volume, or none where the price moved", _E, _NAN, "the bar is NaN", Sees.BAR),
    Rule("no_volume", "a series without any volume", _E, _REFUSE, "the symbol is left out", Sees.BAR),
    Rule("copied", "prices and volume of the bar before, to the last digit", _E, _NAN, "the bar is NaN", Sees.PAST),
    Rule("no_trade", "bars without a trade", _N, _KEEP, "kept, until `frozen`", Sees.BAR),
    Rule(
        "frozen",
        "no trade and no move for `data.max_stale_bars`",
        _W,
        _NAN,
        "NaN from that bar on, until it trades again",
        Sees.PAST,
    ),
    Rule(
        "spike",
        "a close apart from the closes before and after, and from the next open, by `data.max_spike_frac`",
        _E,
        _NAN,
        "the bar is NaN",
        Sees.NEXT,
    ),
    Rule("wild_wick", f"a wick of {WILD_WICK_X:g} times the body or to a {WILD_WICK_X:g}th", _W, _NAN, "the bar is NaN",
         Sees.BAR),
    Rule(
        "long_wick",
        "a wick beyond `data.max_spike_frac`",
        _N,
        _KEEP,
        "kept: such things happen, and stops are hit by them",
        Sees.BAR,
    ),
    Rule(
        "half_finished",
        "bars of most names at once that end away from where the next ones begin: a snapshot, cut off",
        _W,
        _NAN,
        "the bars of that stamp are NaN",
        Sees.NEXT,
    ),
    # --- what lies between rows ---
    Rule("gap", "absent bars in a range that the source told whole: outage or halt", _N, _NAN, "NaN rows", Sees.BAR),
    Rule("hole", "absent bars that were never asked for, or not answered", _W, _NAN, "NaN rows", Sees.BAR),
    Rule(
        "jump_after_gap",
        "a first price after absent bars apart by `data.max_spike_frac`",
        _N,
        _KEEP,
        "kept: whoever held it bore it",
        Sees.PAST,
    ),
    Rule(
        "relisted",
        f"silence of {RELIST_DAYS} days or more, or a price {JUMP_X:g} times off ({JUMP_AFTER_GAP_X:g} after absent "
        "bars): another instrument under the same ticker",
        _W,
        _SPLIT,
        "`SYMBOL` ends at its last good close, `SYMBOL.2` begins",
        Sees.PAST,
    ),
    Rule("redenominated", "a new unit, by the dated map", _N, _JOIN, "older prices are put into the new unit",
         Sees.LATER),
    Rule("renamed", "a new ticker, by the dated map", _N, _JOIN, "older bars join the new ticker", Sees.LATER),
    Rule(
        "not_joined",
        "an entry of the map that prices or dates do not bear out",
        _W,
        _KEEP,
        "the names stay apart",
        Sees.LATER,
    ),
    Rule("ended", f"no bar for the last {RELIST_DAYS} days of the set", _N, _KEEP, "delisted at its last close",
         Sees.LATER),
    Rule("empty", "no usable bar", _E, _REFUSE, "the symbol is left out", Sees.BAR),
    Rule(
        "parts_missing",
        "a bar made of small ones, some of which are absent",
        _W,
        _NAN,
        f"NaN, unless the first, the last and {PARTS_FRAC_MIN:.0%} are there",
        Sees.BAR,
    ),
    Rule("mark_apart", f"mark and last price apart by {MARK_APART_FRAC:.0%} at a close", _N, _KEEP,
         "kept: the panel holds no mark price", Sees.BAR),
    # --- funding ---
    Rule("jitter", "stamps off their minute", _N, _SNAP, "snapped to the nearest minute", Sees.BAR),
    Rule("print_twice", "one settlement told twice alike", _N, _ONE, "one is kept", Sees.PAST),
    Rule("print_conflict", "one settlement told with different rates", _E, _NAN, "funding of the bar is NaN",
         Sees.LATER),
    Rule("rate_range", f"a rate beyond {RATE_FRAC_MAX:.0%}, or none", _E, _NAN, "funding of the bar is NaN", Sees.BAR),
    Rule("rate_unit", "rates in percent, by their size", _E, _REFUSE, "all funding of the symbol is NaN", Sees.LATER),
    Rule("interval_changed", "another funding interval", _N, _KEEP, "kept: each print is charged when it settles",
         Sees.LATER),
    Rule("print_missing", "a settlement that should be there by the intervals around it", _W, _NAN,
         "funding between its neighbours is NaN", Sees.LATER),
    Rule("no_funding", "no funding known for a symbol with bars", _N, _NAN, "its funding is NaN", Sees.BAR),
    # --- files ---
    Rule("unreadable", "a file of the lake that cannot be read", _E, _REFUSE, "compile refuses", Sees.BAR),
    Rule("hash_differs", "rows that are not what their manifest says", _E, _REFUSE, "compile refuses", Sees.BAR),
    Rule("leftover", "a file that a killed writer left", _N, _KEEP, "not looked at", Sees.BAR),
    Rule("foreign", "a file that is none of the lake's", _W, _KEEP, "not looked at", Sees.BAR),
)  # fmt: skip

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _TABLE})
"""Every rule by its name, in the order in which they are documented."""
