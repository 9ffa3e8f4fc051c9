"""What the engine obeys beside the kernel's parameters, in its own units; made from the configuration once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from xsmom.config.resolved import Resolved
from xsmom.domain.costs import Costs
from xsmom.domain.limits import Limits
from xsmom.domain.orders import Style
from xsmom.domain.trading import TriggerBy
from xsmom.kernel import Params

_SECOND_MS = 1_000
_MINUTE_MS = 60_000
_DAY_MS = 1_440 * _MINUTE_MS
_PCT = 0.01
RAMP_FIRST_FRAC = 0.1
"""Share of the full size at the first moment of a straight ramp."""


@dataclass(frozen=True, slots=True)
class WorkRules:
    """How an approved order is worked."""

    style: Style = Style.POST_ONLY
    deadline_ms: int = 120_000
    reprice_ms: int = 10_000
    max_cross_frac: float = 0.002
    notional_usdt_min: float = 5.0
    order_usdt_max: float | None = None
    twap_slices: int = 10
    twap_ms: int = 300_000
    vwap_participation_frac: float = 0.1
    vwap_ms: int = 1_800_000
    offset_dynamic: bool = False
    offset_base_frac: float = 0.0003
    offset_spread_x: float = 0.5
    offset_max_frac: float = 0.002
    spread_guard: bool = True
    spread_max_frac: float = 0.0015
    imbalance_guard: bool = False
    imbalance_max_frac: float = 0.8
    imbalance_levels: int = 5
    #: Age up to which an order book says something about now; and least time between two that are asked for.
    depth_age_ms: int = 3_000
    depth_every_ms: int = 2_000
    stale_sweep: bool = True
    stale_every_ms: int = 60_000
    stale_age_ms: int = 180_000
    stale_far_frac: float = 0.0015
    #: A request that comes later than this after it was signed is refused by the exchange.
    recv_window_ms: int = 5_000
    #: An execution follows its order's end within this time, or is fetched.
    untold_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class GateRules:
    """Limits on facts of the venue."""

    position_usdt_max: float = 10_000.0
    margin_soft_frac: float = 0.8
    margin_hard_frac: float = 0.9
    margin_close: bool = True
    maintenance_frac: float = 0.5
    breaker: bool = True
    breaker_errors: int = 5
    breaker_window_ms: int = 300_000
    breaker_cooldown_ms: int = 600_000
    failure_alert_frac: float = 0.1
    lag_max_ms: float = 5_000.0
    skew_max_ms: float = 1_000.0
    complete_min_frac: float = 0.9
    wallet_unexplained_frac: float = 0.005
    flatten_on_kill: bool = True
    market_after_ms: int = 60_000
    leverage_x: float = 5.0
    cross_margin: bool = True
    #: Oldest word of the venue on the account that entries may rest on.
    account_age_max_ms: int = 360_000
    #: Least distance of the mark from liquidation, of any position, that entries may rest on.
    liquidation_min_frac: float = 0.1
    #: False only where bars are filled in this process: such a venue has no account, line or order book to tell of.
    facts_needed: bool = True


@dataclass(frozen=True, slots=True)
class ProtectRules:
    """The sentinel's."""

    #: Off only where the venue has no stops of its own and the engine's exits at bars stand in for them.
    enabled: bool = True
    trigger: TriggerBy = TriggerBy.MARK
    repair_ms: int = 60_000
    emergency_frac: float = 0.05
    #: A stop moves only by so much.
    move_min_frac: float = 0.001
    #: Time from a fill until the venue shows the position and its stop.
    confirm_ms: int = 3_000
    #: Time without a verified stop after which the position is closed.
    naked_max_ms: int = 10_000
    #: The same where the venue could not be read since: an order would go out blindly too.
    blind_max_ms: int = 60_000
    every_ms: int = 15_000
    #: The same while the private stream is down.
    every_deaf_ms: int = 5_000
    #: Time between readings while a stop is not verified, and between the two that verify it.
    poll_ms: int = 500
    #: Least time between two moves of one stop; and most moves of all within a second.
    move_ms: int = 2_000
    moves_max: int = 5
    #: Time after which an emergency exit that did not end the position is asked for again.
    exit_ms: int = 10_000
    #: What the venue can do: a stop of the position itself, and one that goes with an entry.
    position_stop: bool = True
    attach_stop: bool = True


@dataclass(frozen=True, slots=True)
class AgreeRules:
    """Reconciling's."""

    every_ms: int = 300_000
    correct: bool = True
    cancel_orphans: bool = True
    #: Age from which an order of ours that no list shows is looked up.
    visible_ms: int = 10_000
    #: Time between two readings that must show the same difference before it is believed.
    stable_ms: int = 2_000
    #: Fills are read again from so long before the newest known one.
    overlap_ms: int = 600_000
    #: Take over what is open at the first start; leave these symbols of the account alone.
    adopt: bool = False
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaceRules:
    """The clock's."""

    bar_ms: int
    decision_lag_max_ms: int = 1_800_000
    #: Points (time since the first start, share of full size) of the ramp that is configured.
    ramp: tuple[tuple[int, float], ...] = ()
    ramp_straight: bool = True
    no_trade_ms: int = 14_400_000
    drift_frac: float = 0.2
    stuck_ms: int = 1_800_000
    slippage_frac: float = 0.002
    cost_overrun_frac: float = 0.2
    #: Cost of trading that a simulation assumes, share of what is traded: fees and spread, no impact. 0: none.
    cost_frac: float = 0.0
    trade_loss_frac: float = 0.02


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it, with the kernel's parameters as fields and as the object that the core takes."""

    params: Params
    fields: Mapping[str, Any]
    pace: PaceRules
    work: WorkRules = field(default_factory=WorkRules)
    gates: GateRules = field(default_factory=GateRules)
    protect: ProtectRules = field(default_factory=ProtectRules)
    agree: AgreeRules = field(default_factory=AgreeRules)
    #: The account is only looked at: nothing can be sent, so nothing fills, and stops there are its owner's.
    watches: bool = False

    @classmethod
    def of(cls, config: Resolved) -> Rules:
        """Rules as the configuration means them."""
        fields = config.params()
        return cls(
            params=Params(**fields),
            fields=fields,
            pace=_pace(config, int(fields["bar_ms"])),  # type: ignore[call-overload]
            work=_work(config),
            gates=_gates(config),
            protect=_protect(config),
            agree=_agree(config),
        )

    def within(self, limits: Limits) -> Rules:
        """The same rules under bounds of size; the kernel sizes by the smaller capital too."""
        fields, most = dict(self.fields), limits.capital_usdt
        if most is not None:
            written = float(fields["capital_usdt_max"])
            fields["capital_usdt_max"] = min(written, most) if written > 0.0 else most
        work = replace(self.work, order_usdt_max=limits.order_usdt_max)
        return replace(self, fields=fields, params=Params(**fields), work=work)


class _Reader:
    """Settings under one prefix, in the engine's units."""

    def __init__(self, config: Resolved, prefix: str) -> None:
        self._config, self._prefix = config, prefix

    def raw(self, name: str) -> Any:
        return self._config.value(f"{self._prefix}.{name}")

    def number(self, name: str, scale: float = 1.0) -> float:
        return float(self.raw(name)) * scale

    def ms(self, name: str, unit_ms: int) -> int:
        return round(float(self.raw(name)) * unit_ms)


def _work(config: Resolved) -> WorkRules:
    read = _Reader(config, "execution")
    bps = 1e-4
    return WorkRules(
        style=Style(read.raw("style")),
        deadline_ms=read.ms("deadline_seconds", _SECOND_MS),
        reprice_ms=read.ms("reprice_seconds", _SECOND_MS),
        max_cross_frac=read.number("max_cross_bps", bps),
        notional_usdt_min=read.number("min_notional_usdt"),
        order_usdt_max=read.raw("max_order_usdt"),
        twap_slices=int(read.raw("twap.slices")),
        twap_ms=read.ms("twap.minutes", _MINUTE_MS),
        vwap_participation_frac=read.number("vwap.participation_pct", _PCT),
        vwap_ms=read.ms("vwap.max_minutes", _MINUTE_MS),
        offset_dynamic=bool(read.raw("dynamic_offset.enabled")),
        offset_base_frac=read.number("dynamic_offset.base_bps", bps),
        offset_spread_x=read.number("dynamic_offset.per_spread_coeff"),
        offset_max_frac=read.number("dynamic_offset.max_offset_bps", bps),
        spread_guard=bool(read.raw("spread_guard.enabled")),
        spread_max_frac=read.number("spread_guard.max_spread_bps", bps),
        imbalance_guard=bool(read.raw("imbalance_guard.enabled")),
        imbalance_max_frac=read.number("imbalance_guard.max_imbalance"),
        imbalance_levels=int(read.raw("imbalance_guard.levels")),
        stale_sweep=bool(read.raw("stale_orders.enabled")),
        stale_every_ms=read.ms("stale_orders.interval_seconds", _SECOND_MS),
        stale_age_ms=read.ms("stale_orders.max_age_seconds", _SECOND_MS),
        stale_far_frac=read.number("stale_orders.reprice_if_far_bps", bps),
        recv_window_ms=_Reader(config, "exchange").ms("recv_window_ms", 1),
    )


def _gates(config: Resolved) -> GateRules:
    read, exchange = _Reader(config, "risk"), _Reader(config, "exchange")
    limits, breaker = _Reader(config, "risk.venue_limits"), _Reader(config, "risk.api_circuit_breaker")
    return GateRules(
        position_usdt_max=read.number("max_position_usdt"),
        margin_soft_frac=read.number("margin_soft_limit_pct", _PCT),
        margin_hard_frac=read.number("margin_hard_limit_pct", _PCT),
        margin_close=read.raw("margin_action") == "close",
        maintenance_frac=read.number("maintenance_margin_limit_pct", _PCT),
        breaker=bool(breaker.raw("enabled")),
        breaker_errors=int(breaker.raw("max_errors")),
        breaker_window_ms=breaker.ms("window_seconds", _SECOND_MS),
        breaker_cooldown_ms=breaker.ms("cooldown_seconds", _SECOND_MS),
        failure_alert_frac=breaker.number("failure_rate_alert_pct", _PCT),
        lag_max_ms=limits.number("max_api_lag_seconds", _SECOND_MS),
        skew_max_ms=limits.number("max_clock_skew_ms"),
        complete_min_frac=limits.number("min_complete_frac"),
        wallet_unexplained_frac=limits.number("max_unexplained_wallet_change_pct", _PCT),
        flatten_on_kill=read.raw("kill_switch.on_activate") == "flatten",
        market_after_ms=read.ms("kill_switch.market_after_seconds", _SECOND_MS),
        leverage_x=exchange.number("leverage_x"),
        cross_margin=exchange.raw("margin_mode") == "cross",
    )


def _protect(config: Resolved) -> ProtectRules:
    read = _Reader(config, "execution.sentinel")
    return ProtectRules(
        trigger=TriggerBy(read.raw("trigger")),
        repair_ms=read.ms("repair_seconds", _SECOND_MS),
        emergency_frac=read.number("emergency_stop_pct", _PCT),
        move_min_frac=float(config.params()["stop_move_min_frac"]),  # type: ignore[arg-type]
    )


def _agree(config: Resolved) -> AgreeRules:
    read, live = _Reader(config, "execution.reconcile"), _Reader(config, "live")
    return AgreeRules(
        adopt=bool(live.raw("adopt_positions")),
        ignore=tuple(live.raw("ignore_symbols")),
        every_ms=read.ms("every_seconds", _SECOND_MS),
        correct=read.raw("action") == "correct",
        cancel_orphans=bool(read.raw("cancel_orphans_on_start")),
    )


def _pace(config: Resolved, bar_ms: int) -> PaceRules:
    live, watch = _Reader(config, "live"), _Reader(config, "notifications.monitoring")
    lag_ms = live.ms("max_decision_lag_minutes", _MINUTE_MS)
    return PaceRules(
        bar_ms=bar_ms,
        decision_lag_max_ms=min(lag_ms, bar_ms // 4),
        ramp=_ramp(live.raw("ramp_days"), live.raw("ramp_steps")),
        ramp_straight=not live.raw("ramp_steps"),
        no_trade_ms=watch.ms("no_trade_hours", 60 * _MINUTE_MS),
        drift_frac=watch.number("position_drift_pct", _PCT),
        stuck_ms=watch.ms("position_stuck_minutes", _MINUTE_MS),
        slippage_frac=watch.number("slippage_bps", 1e-4),
        cost_overrun_frac=watch.number("cost_overrun_pct", _PCT),
        cost_frac=_cost_frac(config.costs()),
        trade_loss_frac=watch.number("trade_loss_pct", _PCT),
    )


def _ramp(days: float, steps: list[list[float]]) -> tuple[tuple[int, float], ...]:
    """Points of a ramp; from none at all nothing would ever be learned, so a straight one begins at a tenth."""
    if steps:
        return tuple((round(day * _DAY_MS), float(share)) for day, share in steps)
    return ((0, RAMP_FIRST_FRAC), (round(days * _DAY_MS), 1.0)) if days else ()


def _cost_frac(costs: Costs) -> float:
    """Fees by the expected share of maker fills, and half a spread on the rest."""
    taken = 1.0 - costs.maker_share_frac
    fees = costs.maker_share_frac * costs.maker_fee_frac + taken * costs.taker_fee_frac
    return fees + taken * costs.half_spread_frac
