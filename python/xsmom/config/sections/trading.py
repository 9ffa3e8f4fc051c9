"""`execution`, `live`, `paper`, `storage`: how orders are worked and what is remembered."""

from typing import Literal

from pydantic import SecretStr

from xsmom.config.setting import RampRow, Section, block, planned, setting


class Twap(Section):
    """Equal slices over time."""

    slices: int = setting(10, "Slices of an order.", unit="slices", ge=1, le=1000)
    minutes: float = setting(5, "Time over which they are spread.", unit="minutes", gt=0)


class Vwap(Section):
    """A share of what the market trades."""

    participation_pct: float = setting(10, "Share of traded volume.", unit="%", gt=0, le=100)
    max_minutes: float = setting(30, "Deadline.", unit="minutes", gt=0)


class DynamicOffset(Section):
    """Distance of a resting price from the touch."""

    enabled: bool = setting(False, "Widen the offset with the spread.")
    base_bps: float = setting(3.0, "Offset without spread.", unit="bps", ge=0)
    per_spread_coeff: float = setting(0.5, "Part of the spread added to it.", unit="x", ge=0)
    max_offset_bps: float = setting(20.0, "Widest offset.", unit="bps", ge=0)


class SpreadGuard(Section):
    """No crossing of a wide spread."""

    enabled: bool = setting(True, "Hold entries while the spread is wide.")
    max_spread_bps: float = setting(15, "Widest spread.", unit="bps", gt=0)


class ImbalanceGuard(Section):
    """No entry against a one-sided book."""

    enabled: bool = setting(False, "Hold entries while the order book leans against them.")
    max_imbalance: float = setting(
        0.8,
        "Strongest imbalance against the order: what stands on the other side of it less what stands on its own, as a "
        "share of both.",
        unit="share",
        gt=0,
        le=1,
    )
    levels: int = setting(5, "Levels of the book that count.", unit="levels", ge=1, le=50)


class StaleOrders(Section):
    """Orders that the market left behind."""

    enabled: bool = setting(True, "Sweep them.")
    interval_seconds: int = setting(60, "Time between sweeps.", unit="s", ge=1)
    max_age_seconds: int = setting(180, "Age that makes an order stale.", unit="s", ge=1)
    reprice_if_far_bps: float = setting(15, "Distance that makes it stale.", unit="bps", gt=0)


class Sentinel(Section):
    """The only writer of protective orders."""

    trigger: Literal["mark", "last", "index"] = setting("mark", "Price that triggers a stop.")
    repair_seconds: int = setting(60, "Least time between repairs of one symbol.", unit="s", ge=1)
    emergency_stop_pct: float = setting(5, "Distance of the stop placed where none is found.", unit="%", gt=0, le=100)


class Reconcile(Section):
    """Comparison of the book with the venue."""

    every_seconds: int = setting(300, "Longest time between two.", unit="s", ge=10, le=300)
    action: Literal["report", "correct"] = setting("correct", "What a difference does.")
    cancel_orphans_on_start: bool = setting(True, "Cancel own orders that no plan knows.")


class Execution(Section):
    """How an approved order is worked."""

    style: Literal["post_only", "limit", "market", "twap", "vwap"] = setting("post_only", "How entries are worked.")
    deadline_seconds: int = setting(120, "Time after which an order crosses.", unit="s", ge=1)
    reprice_seconds: int = setting(10, "Time between repricings.", unit="s", ge=1)
    max_cross_bps: float = setting(20, "Worst price, from arrival, that crossing may pay.", unit="bps", gt=0)
    min_notional_usdt: float = setting(5, "Smallest order, beside the exchange's own.", unit="USDT", ge=0)
    max_order_usdt: float | None = setting(None, "Largest single order.", unit="USDT", gt=0)
    twap: Twap = block(Twap, "Time slices.")
    vwap: Vwap = block(Vwap, "Volume participation.")
    dynamic_offset: DynamicOffset = block(DynamicOffset, "Distance of resting prices.")
    spread_guard: SpreadGuard = block(SpreadGuard, "Guard on the spread.")
    imbalance_guard: ImbalanceGuard = block(ImbalanceGuard, "Guard on the order book.")
    stale_orders: StaleOrders = block(StaleOrders, "Sweep of stale orders.")
    sentinel: Sentinel = block(Sentinel, "Protective orders.")
    reconcile: Reconcile = block(Reconcile, "Comparison with the venue.")


class Live(Section):
    """The live engine."""

    max_decision_lag_minutes: float = setting(
        30,
        "Oldest bar that is still decided; never more than a quarter of a bar.",
        unit="minutes",
        gt=0,
        le=30,
    )
    bar_grace_seconds: float = setting(10, "Time that late bars are waited for.", unit="s", ge=0)
    ramp_days: float = setting(
        0,
        "Days over which a first start grows to full size, in a straight line from a tenth.",
        unit="days",
        ge=0,
        le=3650,
    )
    ramp_steps: list[RampRow] = setting(
        [],
        "The same in steps, in place of ramp_days: rows of a day and the share of full size from then on, both rising "
        "from day 0.",
        example=[[0, 0.1], [2, 0.25], [5, 0.5], [7, 1]],
    )
    capital_usdt: float | None = setting(
        None,
        "Equity above this is not used for sizing by the live engine; unlike strategy.capital_usdt_max it is none of "
        "what a report is made of.",
        unit="USDT",
        example=2000,
        gt=0,
    )
    adopt_positions: bool = setting(False, "Take over positions that are open at the first start.")
    ignore_symbols: list[str] = setting([], "Symbols of the account that are left alone.")
    report_max_age_days: int = setting(
        30, "Oldest backtest report of this very configuration that live accepts.", unit="days", ge=1
    )
    state_dir: str = setting("state", "Folder of latch, heartbeat and locks.")
    heartbeat_seconds: int = setting(60, "Time between heartbeats.", unit="s", ge=1)


class Paper(Section):
    """The paper venue."""

    initial_equity_usdt: float = setting(10_000, "Equity to start with.", unit="USDT", gt=0)
    profile: Literal["bar", "order"] = planned("order", "Fill whole at the bar, or order by order.")
    latency_ms: int = setting(200, "Time from send to venue.", unit="ms", ge=0)
    queue_frac: float = planned(0.5, "Place in the queue of a resting order.", unit="share", ge=0, le=1)
    partial_fills: bool = setting(True, "Fill no more than the book showed.")


class Storage(Section):
    """Journal, studies, reports."""

    url: SecretStr | None = setting(None, "Database of the journal; left out: SQLite in live.state_dir.", secret=True)
    study_url: SecretStr | None = planned(None, "Database of the studies.", secret=True)
    runs_dir: str = planned("runs", "Folder of reports.")
    snapshot_every_events: int = setting(10_000, "Events between snapshots.", unit="events", ge=100)
    keep_days: int = setting(
        0, "Days that entries, decisions and notes are kept; 0 keeps all. The ledger stays.", unit="days", ge=0
    )
