"""One simulation: the strategy of a configuration, or any target weights, through the core's ledger.

Both keep nothing for each cell. Units and fills are computed by a second run when they are asked for:
the same input gives the same bits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsmom import _core
from xsmom.config.meaning import Timing
from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.margin import Margin
from xsmom.domain.panel import Panel
from xsmom.domain.stamps import format_ms
from xsmom.domain.timeframe import DAY_MS, format_timeframe
from xsmom.errors import ConfigError, DataError
from xsmom.kernel import REASON_TEXTS
from xsmom.research.flat_bars import Given
from xsmom.research.rebirths import tell_rebirths
from xsmom.research.result import Result

Floats = NDArray[np.float64]
Contracts = tuple[Sequence[float], Sequence[float]]
"""For each symbol: units of one lot, and the least notional of an order that opens or adds."""

DEPTH_DAYS = 30
_REACH_BARS = 2_000
_REBASE_BARS = 64  # a window over returns may begin so much earlier than it says
_REASONS_TOLD = 4


def run_config(
    panel: Panel,
    config: Resolved,
    costs: Costs,
    timing: Timing,
    contracts: Contracts | None = None,
    margin: Margin | None = None,
) -> Result:
    """Run the strategy of a configuration over the panel."""
    params = _core.Params(**config.params())
    check_fit(panel, config, params)
    limits = margin or config.margin()
    lots = None if contracts is None else (list(map(float, contracts[0])), list(map(float, contracts[1])))

    def run(*, units: bool = False, fills: bool = False, trips: bool = True, of: Panel = panel) -> dict[str, Any]:
        return _core.simulate(
            of,
            params,
            costs,
            **timing._asdict(),
            contracts=lots,
            maintenance_frac=limits.maintenance_frac,
            tiers=limits.rows(panel.symbols),
            keep_units=units,
            keep_fills=fills,
            keep_trips=trips,
        )

    def given_until(bars: int) -> Given:
        if bars <= 0:
            return Counter(), 0
        cut = run(trips=False, of=panel.slice(0, bars))
        return Counter(dict(cut["reason_counts"])), cut["decisions"]

    done = run()
    return Result(
        panel,
        costs,
        timing.cash_usdt,
        done,
        lambda: _read_only(run(units=True)["units"]),
        timing=timing,
        rerun=lambda others: run_config(panel, config, others, timing, contracts, margin),
        own_fills=lambda: run(fills=True)["fills"],
        given_until=given_until,
        config=config,
        notes=(*_endings(panel, done), *_learned(done), *tell_rebirths(panel)),
    )


def run_weights(panel: Panel, weights: ArrayLike, costs: Costs, timing: Timing) -> Result:
    """Hold the target weights, bars by symbols: each row is decided at its bar's close."""
    wanted = _check_weights(panel, weights)
    depth = _depth(panel) if costs.impact_y > 0 else None

    def run(*, units: bool = False) -> dict[str, Any]:
        return _core.run_weights(panel, wanted, costs, **timing._asdict(), depth=depth, keep_units=units)

    done = run()
    notes = [*_endings(panel, done), *_unknown_depth(wanted, depth), *tell_rebirths(panel)]
    return Result(
        panel,
        costs,
        timing.cash_usdt,
        done,
        lambda: _read_only(run(units=True)["units"]),
        timing=timing,
        rerun=lambda others: run_weights(panel, wanted, others, timing),
        notes=tuple(notes),
    )


def _read_only(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


def check_fit(panel: Panel, config: Resolved, params: _core.Params) -> None:
    """Refuse a panel of other bars, or of fewer than the configuration looks back on."""
    bar_ms = config.params()["bar_ms"]
    if bar_ms != panel.bar_ms:
        ours, theirs = config.value("strategy.timeframe"), format_timeframe(panel.bar_ms)
        raise ConfigError(
            f"strategy.timeframe is {ours} and the panel has bars of {theirs}: "
            f"give --set strategy.timeframe={theirs}, or a panel of {ours}"
        )
    need = _core.warmup_bars(params)
    if panel.bars < need:
        raise DataError(
            f"the panel has {panel.bars:,} bars and this configuration looks back on {need:,}: "
            f"give a panel of more than {need:,} bars, or shorter windows"
        )


def _check_weights(panel: Panel, weights: ArrayLike) -> Floats:
    given = np.asarray(weights)
    shape = (panel.bars, len(panel.symbols))
    if given.dtype.kind not in "fiu":
        raise DataError(f"weights hold {given.dtype}, wants numbers: signed shares of equity")
    if given.shape != shape:
        raise DataError(f"weights have shape {given.shape}, the panel wants {shape}: (bars, symbols)")
    wanted = np.ascontiguousarray(given, dtype=np.float64)
    if not np.isfinite(wanted).all():
        bar, column = np.argwhere(~np.isfinite(wanted))[0]
        raise DataError(
            f"the weight of {panel.symbols[column]} at {format_ms(int(panel.close_ms[bar]))} is "
            f"{wanted[bar, column]}: give 0 where nothing is to be held"
        )
    return wanted


def _depth(panel: Panel) -> tuple[Floats, Floats]:
    """Volatility and mean dollar volume of a day over 30 days, or as many as the core looks back on."""
    bars_a_day = DAY_MS / panel.bar_ms
    days_max = math.floor((_REACH_BARS - (bars_a_day - 1)) / bars_a_day)
    if bars_a_day < 1 or days_max < 1:
        raise DataError(
            f"impact wants bars of 2 minutes to 1 day, the panel has {format_timeframe(panel.bar_ms)}: "
            "give costs with impact_y=0"
        )
    vol_bars = int(min(max(DEPTH_DAYS * bars_a_day, 2), _REACH_BARS - _REBASE_BARS))
    fields = {
        **_core.params_defaults(),
        "bar_ms": panel.bar_ms,
        "lookback_bars": [1],
        "lookback_weights": [1.0],
        "vol_bars": vol_bars,
        "stop_atr_x": 0.0,
        "catastrophic_atr_x": 0.0,
        "adv_share_max_frac": 1.0,
        "adv_days": min(DEPTH_DAYS, days_max),
    }
    found = _core.features(panel, _core.Params(**fields))
    return found["sigma"] * math.sqrt(bars_a_day), found["adv_usdt"]


def _unknown_depth(wanted: Floats, depth: tuple[Floats, Floats] | None) -> list[str]:
    """Say where impact was charged at its most, because nobody knew better."""
    if depth is None:
        return []
    sigma, volume = depth
    dark = int(np.count_nonzero((wanted != 0) & ~((sigma >= 0) & (volume > 0))))
    if not dark:
        return []
    return [
        f"{dark:,} weights stand where a name has no {DEPTH_DAYS} days of history: trades there pay the "
        "greatest impact, 10 % of the price; begin later, or give costs with impact_y=0"
    ]


def _endings(panel: Panel, run: dict[str, Any]) -> list[str]:
    """What a reader must not overlook: the run ended early, or never began."""
    found = []
    for key, what in (("bankrupt_at", "equity was gone"), ("liquidated_at", "the margin was gone")):
        place = run.get(key)
        if place is not None:
            found.append(f"{what} at {format_ms(int(panel.close_ms[place]))}: the run ended there")
    if run["traded_usdt"][-1] == 0:
        found.append(_nothing(run))
    return found


def _learned(run: dict[str, Any]) -> list[str]:
    """Whether the meta-labeller beat the base rate, and so changed anything."""
    labels = run["labels"]
    if labels is None:
        return []
    told = f"T {labels['statistic']:.1f} against the base rate after {labels['labels']:,} outcomes"
    if not labels["bars_promoted"]:
        return [f"the meta-labeller was never promoted ({told}, 2.5 is wanted): every size is as without it"]
    return [f"the meta-labeller changed sizes at {labels['bars_promoted']:,} of {labels['bars']:,} bars ({told})"]


def _nothing(run: dict[str, Any]) -> str:
    if "reason_counts" not in run:
        return "nothing was traded: every weight is 0, or has no price to trade at"
    counts = sorted(run["reason_counts"], key=lambda count: -count[1])[:_REASONS_TOLD]
    why = "; ".join(f"{key} {count:,} times ({REASON_TEXTS[key].strip().rstrip('.')})" for key, count in counts)
    return f"nothing was traded in {run['decisions']:,} decisions: {why or 'there was none'}"
