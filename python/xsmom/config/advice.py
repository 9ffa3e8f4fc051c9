"""What is allowed and probably not meant: warnings, and notes on how a value was understood."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from xsmom.config.meaning import SUM_TOLERANCE, gross_hard_cap, short_cap, weights
from xsmom.config.tree import number, tree
from xsmom.config.written import value

if TYPE_CHECKING:
    from xsmom.config.schema import Config

# A single short whose price triples should not cost more than this share of equity.
SQUEEZE_LOSS_FRAC_MAX = 0.10


def notes(config: Config) -> list[str]:
    """How values were understood where that is not what was written."""
    strategy, found = config.strategy, list[str]()
    total = math.fsum(strategy.lookback_weights)
    if abs(total - 1) > SUM_TOLERANCE:
        used = ", ".join(f"{weight:.6g}" for weight in weights(strategy.lookback_weights))
        found.append(f"strategy.lookback_weights sum to {total:g}; used as {used}")
    if strategy.gross_hard_cap is None:
        found.append(f"strategy.gross_hard_cap is left out; used as {number(gross_hard_cap(config))}")
    return found


def warnings(config: Config, origins: Mapping[str, str]) -> list[str]:
    """All warnings; `origins` tells which settings somebody wrote."""
    found = [*_reach(config), *_squeeze(config), *_guards(config)]
    found.extend(f"{origins[name]}: {text}" for name, text in _inert(config, origins))
    return found


def _reach(config: Config) -> Iterator[str]:
    """Caps under which the target gross cannot be met even with every slot filled."""
    strategy, universe = config.strategy, config.universe
    # Tranches may each hold other names, so that the net of all spreads over more of them.
    names = strategy.k_max * strategy.tranches.count
    if universe.max_symbols:
        names = min(names, universe.max_symbols // 2)
    half = strategy.gross_leverage / 2
    for side, cap in (("longs", strategy.max_weight_per_asset), ("shorts", _short_cap(config))):
        if names * cap < half - 1e-12:
            yield (
                f"gross {number(strategy.gross_leverage)} is out of reach: {names} {side} of at most "
                f"{number(cap)} make {names * cap:.4g}, half of gross is {half:.4g}; raise strategy.k_max "
                "or the cap, or lower strategy.gross_leverage"
            )
    if universe.max_symbols and universe.max_symbols < 2 * strategy.k_min:
        yield (
            f"strategy.k_min {strategy.k_min} a side is out of reach with universe.max_symbols "
            f"{universe.max_symbols}; legs will be smaller"
        )


def _short_cap(config: Config) -> float:
    strategy = config.strategy
    cap = short_cap(strategy)
    return min(cap, strategy.squeeze_loss_frac / 2) if strategy.squeeze_loss_frac else cap


def _squeeze(config: Config) -> Iterator[str]:
    loss = 2 * min(_short_cap(config), config.strategy.gross_leverage / 2)
    if loss > SQUEEZE_LOSS_FRAC_MAX + 1e-12:
        yield (
            f"a short at its cap whose price triples costs {loss:.0%} of equity, above "
            f"{SQUEEZE_LOSS_FRAC_MAX:.0%}; lower strategy.max_weight_short or set "
            f"strategy.squeeze_loss_frac to {number(SQUEEZE_LOSS_FRAC_MAX)}"
        )


def _guards(config: Config) -> Iterator[str]:
    risk = config.risk
    if not (risk.atr_mult_sl or risk.catastrophic_atr_mult or risk.trailing_enabled):
        yield (
            "no position has a stop: risk.atr_mult_sl and risk.catastrophic_atr_mult are 0 and "
            "risk.trailing_enabled is false"
        )
    if not risk.max_daily_loss_pct:
        yield "risk.max_daily_loss_pct is 0: no loss of a day flattens the book"
    if 0 < risk.max_daily_loss_pct <= risk.emergency_loss_pct:
        yield (
            f"risk.emergency_loss_pct {number(risk.emergency_loss_pct)} never acts: the book is flat from "
            f"risk.max_daily_loss_pct {number(risk.max_daily_loss_pct)} on"
        )


def _inert(config: Config, origins: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Settings that somebody wrote and that change nothing as the others stand."""
    for name in origins:
        section, _, leaf = name.rpartition(".")
        switch = f"{section}.enabled"
        if leaf != "enabled" and switch in tree().keys and value(config, switch) is False:
            yield name, f"{name} has no effect while {switch} is false"
        elif name in _INERT:
            because = _INERT[name](config)
            if because is not None:
                yield name, f"{name} has no effect while {because}"


def _when(condition: Callable[[Config], bool], text: str) -> Callable[[Config], str | None]:
    return lambda config: text if condition(config) else None


_INERT: dict[str, Callable[[Config], str | None]] = {
    "risk.trail_atr_mult": _when(lambda c: not c.risk.trailing_enabled, "risk.trailing_enabled is false"),
    "risk.trail_kind": _when(lambda c: not c.risk.trailing_enabled, "risk.trailing_enabled is false"),
    "risk.trail_ma_len": _when(
        lambda c: not (c.risk.trailing_enabled and c.risk.trail_kind == "ma_atr"),
        "no trailing stop of trail_kind ma_atr is on",
    ),
    "risk.daily_loss_base": _when(lambda c: not c.risk.max_daily_loss_pct, "risk.max_daily_loss_pct is 0"),
    "risk.portfolio_dd_window_days": _when(
        lambda c: not c.risk.max_portfolio_drawdown_pct, "risk.max_portfolio_drawdown_pct is 0"
    ),
    "strategy.signal_power": _when(
        lambda c: c.strategy.size_power == 0 and c.strategy.signal_power != 1,
        "strategy.size_power is 0: scores choose the names and do not weigh them",
    ),
    "strategy.vol_scaled_clip": _when(
        lambda c: c.strategy.signal_kind != "vol_scaled", "strategy.signal_kind is not vol_scaled"
    ),
    "strategy.beta_lookback": _when(lambda c: not c.strategy.beta_neutral, "strategy.beta_neutral is false"),
    "strategy.k_frac": _when(lambda c: c.strategy.k_min == c.strategy.k_max, "strategy.k_min equals strategy.k_max"),
    "strategy.adv_days": _when(
        lambda c: not (c.strategy.adv_cap_frac or c.costs.impact_y),
        "strategy.adv_cap_frac and costs.impact_y are 0",
    ),
    "strategy.majors": _when(
        lambda c: not (c.strategy.majors_gate.enabled or c.strategy.router.enabled),
        "neither strategy.majors_gate nor strategy.router is enabled",
    ),
    "strategy.correlation_limit.cluster_max_weight": _when(
        lambda c: c.strategy.correlation_limit.action != "cap", "its action is not cap"
    ),
    "universe.leave_rank_mult": _when(lambda c: not c.universe.max_symbols, "universe.max_symbols is 0"),
    "universe.dollar_volume_days": _when(
        lambda c: not (c.universe.max_symbols or c.universe.min_dollar_volume_usdt),
        "neither universe.max_symbols nor universe.min_dollar_volume_usdt is set",
    ),
    "costs.maker_fee_bps": _when(lambda c: not c.costs.maker_fill_ratio, "costs.maker_fill_ratio is 0"),
    "costs.max_annual_cost_frac": _when(
        lambda c: not c.costs.enforce_annual_cost, "costs.enforce_annual_cost is false"
    ),
}
