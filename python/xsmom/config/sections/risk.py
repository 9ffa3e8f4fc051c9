"""`risk`: exits, guards, margin, and what stops the machine."""

from typing import Literal

from xsmom.config.setting import Positive, Section, Whole, block, setting


class ProfitLock(Section):
    """Steps that lift the stop for good once a gain was reached."""

    enabled: bool = setting(False, "Lift the stop in steps.")
    triggers_r: list[Positive] = setting([], "Gains that lift the stop, rising.", unit="R", example=[1.0, 1.5, 2.5])
    lock_to_r: list[float] = setting(
        [], "Where each of them lifts the stop to, from entry.", unit="R", example=[0.2, 0.6, 1.2]
    )


class Ladder(Section):
    """Take-profit rungs, as shares of the quantity first bought."""

    enabled: bool = setting(False, "Take profit in rungs.")
    measured_in: Literal["r", "price_pct"] = setting(
        "r", "Rungs in multiples of the initial risk, or in % of the entry price."
    )
    levels: list[Positive] = setting([], "Distance of each rung, rising.", example=[1.0, 2.0, 3.0])
    sizes: list[Positive] = setting(
        [],
        "Share that each rung closes; they sum to at most 1. Left out: equal shares of the whole.",
        unit="share",
        example=[0.25, 0.25, 0.25],
    )


class NoProgress(Section):
    """A position that went nowhere gives its slot back."""

    enabled: bool = setting(False, "Close positions that make no progress.")
    after_hours: float = setting(48, "Time after which min_r must stand; a whole number of bars.", unit="hours", gt=0)
    min_r: float = setting(0.5, "Signed gain that is progress.", unit="R", ge=-100, le=100)


class Streak(Section):
    """A pause after losses in a row."""

    losses: Whole = setting(3, "Losses in a row that pause entries; 0 is off.", unit="trades", ge=0, le=10_000)
    pause_hours: float = setting(24, "Length of the pause.", unit="hours", gt=0, le=87_600)
    scope: Literal["symbol", "book"] = setting("symbol", "What pauses: that symbol, or all entries.")


class StopCluster(Section):
    """Many stops at once mean that the market changed, not that each name did."""

    count: Whole = setting(0, "Stops within the window that block entries; 0 is off.", unit="stops", ge=0, le=10_000)
    window_hours: float = setting(24, "Window.", unit="hours", gt=0, le=87_600)
    pause_hours: float = setting(24, "Length of the block.", unit="hours", gt=0, le=87_600)


class ApiCircuitBreaker(Section):
    """Enter nothing on an exchange that keeps failing, and ask it less; what protects always goes out."""

    enabled: bool = setting(True, "Trip after repeated errors.")
    max_errors: int = setting(5, "Errors within the window that trip it.", unit="errors", ge=1)
    window_seconds: int = setting(300, "Window.", unit="s", ge=1)
    cooldown_seconds: int = setting(600, "Time that it stays open; a probe then closes it.", unit="s", ge=1)
    failure_rate_alert_pct: float = setting(10, "Failed calls over five minutes that alert.", unit="%", gt=0, le=100)


class VenueLimits(Section):
    """Facts of the exchange beyond which nothing is entered."""

    max_api_lag_seconds: float = setting(5, "Average lag that blocks entries.", unit="s", gt=0)
    max_clock_skew_ms: int = setting(1000, "Clock skew that blocks entries.", unit="ms", ge=1)
    min_complete_frac: float = setting(
        0.9, "Share of names with a fresh bar needed to decide.", unit="share", gt=0, le=1
    )
    max_unexplained_wallet_change_pct: float = setting(
        0.5, "Unexplained wallet change that blocks entries until it is classified.", unit="%", gt=0
    )


class KillSwitch(Section):
    """Latched on disk; checked before anything else."""

    file: str = setting("state/EMERGENCY_STOP", "File whose presence stops trading.")
    on_activate: Literal["flatten", "freeze"] = setting("flatten", "What activating does.")
    market_after_seconds: int = setting(60, "Time with a bounded price before market orders flatten.", unit="s", ge=0)


class Risk(Section):
    """Exits per position, guards on the book, margin."""

    atr_len: Whole = setting(28, "Wilder length of the ATR in stops and risk caps.", unit="bars", ge=1, le=200)
    atr_mult_sl: float = setting(
        2.0,
        "Initial stop: so many ATR from entry. 0 is off (the catastrophic stop stands instead).",
        unit="ATR",
        search=(1.5, 3),
        ge=0,
        le=100,
    )
    catastrophic_atr_mult: float = setting(
        3.5, "Stop where no strategy stop is on; 0 is off.", unit="ATR", ge=0, le=100
    )
    trailing_enabled: bool = setting(False, "Let a stop follow the price.")
    trail_kind: Literal["chandelier", "ma_atr"] = setting(
        "chandelier", "Follow the best price since entry, or a moving average."
    )
    trail_atr_mult: float = setting(1.0, "Distance of the trailing stop.", unit="ATR", search=(0.5, 1.5), ge=0, le=100)
    trail_ma_len: Whole = setting(20, "Window of the average, for trail_kind ma_atr.", unit="bars", ge=1, le=2000)
    breakeven_after_r: float = setting(
        0.0, "Gain that moves the stop to the entry, for good; 0 is off.", unit="R", ge=0, le=100
    )
    profit_lock: ProfitLock = block(ProfitLock, "Steps that lift the stop.")
    ladder: Ladder = block(Ladder, "Take-profit rungs.")
    no_progress: NoProgress = block(NoProgress, "Exit of positions that go nowhere.")
    max_hours_in_trade: float = setting(
        0, "Time after which a position is closed; 0 is off; a whole number of bars.", unit="hours", ge=0
    )
    exit_on_regime_flip: bool = setting(
        False,
        "Close a position when its EMA slope passes regime_filter's threshold on the other side.",
    )
    cooldown_bars: Whole = setting(
        24, "Bars during which the side that was stopped is barred.", unit="bars", ge=0, le=100_000
    )
    stop_move_min_pct: float = setting(
        0.1, "A stop move below this is not made, in any mode.", unit="% of price", ge=0, le=10
    )
    stop_move_min_seconds: float = setting(180, "Least time between stop moves.", unit="s", ge=0, le=86_400)
    risk_per_trade_frac: float = setting(
        0.0,
        "Loss at the initial stop, as a cap on size; needs atr_mult_sl above 0. 0 is off.",
        unit="share of equity",
        example=0.005,
        ge=0,
        le=1,
    )

    max_daily_loss_pct: float = setting(
        5, "Loss of the UTC day that flattens the book until the next day; 0 is off.", unit="%", ge=0, le=100
    )
    daily_loss_base: Literal["high", "open"] = setting(
        "high", "Count the day's loss from its highest equity, or from its open."
    )
    daily_loss_pause_minutes: float = setting(
        60, "Least time flat after it, even past midnight.", unit="minutes", ge=0, le=43_200
    )
    emergency_loss_pct: float = setting(
        0,
        "Loss from the day's open that blocks entries to midnight UTC; 0 is off.",
        unit="%",
        example=2,
        ge=0,
        le=100,
    )
    max_portfolio_drawdown_pct: float = setting(
        0,
        "Drawdown from the trailing high that flattens the book until it is re-armed; 0 is off.",
        unit="%",
        example=15,
        ge=0,
        le=100,
    )
    portfolio_dd_window_days: Whole = setting(30, "Days of that trailing high.", unit="days", ge=1, le=3650)
    max_longterm_drawdown_pct: float = setting(
        0,
        "Drawdown from the highest equity ever that blocks entries, latched; 0 is off.",
        unit="%",
        ge=0,
        le=100,
    )
    max_symbol_daily_loss_pct: float = setting(
        0,
        "Loss of one symbol in a day that pauses it to midnight UTC; 0 is off.",
        unit="% of equity",
        ge=0,
        le=100,
    )
    max_trade_loss_pct: float = setting(
        0, "Loss of one open position that closes it; 0 is off.", unit="% of equity", example=2, ge=0, le=100
    )
    max_cvar_pct: float = setting(
        0,
        "Expected shortfall for one day at 95 % that blocks entries; 0 is off.",
        unit="% of equity",
        ge=0,
        le=100,
    )
    streak: Streak = block(Streak, "Pause after losses in a row.")
    stop_cluster: StopCluster = block(StopCluster, "Block after many stops at once.")

    max_position_usdt: float = setting(
        10_000, "A position above this is refused at the door, whatever the plan says.", unit="USDT", gt=0
    )
    margin_soft_limit_pct: float = setting(80, "Margin in use that blocks entries.", unit="%", gt=0, le=100)
    margin_hard_limit_pct: float = setting(90, "Margin in use that acts.", unit="%", gt=0, le=100)
    margin_action: Literal["pause", "close"] = setting(
        "close", "What the hard limit does; close reduces both legs pro rata."
    )
    maintenance_margin_limit_pct: float = setting(50, "Maintenance margin rate that acts.", unit="%", gt=0, le=100)
    watchdog_flatten_after_minutes: Whole = setting(
        60, "Silence of the trader after which the watchdog flattens.", unit="minutes", ge=1
    )
    api_circuit_breaker: ApiCircuitBreaker = block(ApiCircuitBreaker, "Breaker on API errors.")
    venue_limits: VenueLimits = block(VenueLimits, "Lag, skew, completeness, wallet.")
    kill_switch: KillSwitch = block(KillSwitch, "The switch that stops everything.")
