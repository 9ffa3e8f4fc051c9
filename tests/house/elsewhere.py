"""Settings that shape no simulation, and the tests that show each of them acting."""

# Keys that shape the lake, or what the live engine does, and not a simulation: where their tests stand.
GATES = "tests/unit/engine/gates"
ALARMS = ("no_trade_hours", "position_drift_pct", "position_stuck_minutes", "cost_overrun_pct", "trade_loss_pct")
ELSEWHERE = {
    "live.report_max_age_days": "tests/unit/cli/test_permit.py",
    **dict.fromkeys(
        (
            "live.heartbeat_seconds",
            "live.bar_grace_seconds",
            "risk.kill_switch.file",
            "paper.initial_equity_usdt",
            "exchange.ca_file",
            "exchange.leverage_x",
        ),
        "tests/unit/live/test_settings.py",
    ),
    **dict.fromkeys(
        ("live.state_dir", "storage.url", "storage.snapshot_every_events", "storage.keep_days"),
        "tests/unit/store/test_settings.py",
    ),
    **dict.fromkeys(
        (
            "execution.sentinel.trigger",
            "execution.sentinel.repair_seconds",
            "execution.sentinel.emergency_stop_pct",
            "execution.reconcile.every_seconds",
            "execution.reconcile.action",
            "execution.reconcile.cancel_orphans_on_start",
            "live.adopt_positions",
            "live.ignore_symbols",
        ),
        "tests/unit/engine/test_safety_settings.py",
    ),
    **{
        f"execution.{name}": "tests/unit/engine/execution/test_settings.py"
        for name in [
            "style",
            "deadline_seconds",
            "reprice_seconds",
            "max_cross_bps",
            "min_notional_usdt",
            "max_order_usdt",
            "twap.slices",
            "twap.minutes",
            "vwap.participation_pct",
            "vwap.max_minutes",
            "dynamic_offset.enabled",
            "dynamic_offset.base_bps",
            "dynamic_offset.per_spread_coeff",
            "dynamic_offset.max_offset_bps",
            "spread_guard.enabled",
            "spread_guard.max_spread_bps",
            "imbalance_guard.enabled",
            "imbalance_guard.max_imbalance",
            "imbalance_guard.levels",
            "stale_orders.enabled",
            "stale_orders.interval_seconds",
            "stale_orders.max_age_seconds",
            "stale_orders.reprice_if_far_bps",
        ]
    },
    "paper.initial_equity_usdt": "tests/unit/venues/test_paper_live.py",
    "paper.latency_ms": "tests/unit/venues/test_paper_live.py",
    "paper.partial_fills": "tests/unit/venues/test_paper_live.py",
    "exchange.id": "tests/unit/venues/test_proxy.py",
    "exchange.proxy_url": "tests/unit/venues/test_proxy.py",
    "data.dir": "tests/unit/cli/test_data_import.py",
    "data.venue": "tests/unit/cli/test_data_import.py",
    "data.since": "tests/e2e/test_download.py",
    "data.kinds": "tests/e2e/test_download.py",
    "data.panel": "tests/unit/cli/test_backtest.py",
    "data.max_spike_frac": "tests/unit/cli/test_data_check.py",
    "data.max_stale_bars": "tests/unit/cli/test_data_check.py",
    "universe.renames": "tests/unit/cli/test_data_compile.py",
    **dict.fromkeys(
        (
            *(f"execution.sentinel.{name}" for name in ("trigger", "repair_seconds", "emergency_stop_pct")),
            *(f"execution.reconcile.{name}" for name in ("every_seconds", "action", "cancel_orphans_on_start")),
            "live.adopt_positions",
            "live.ignore_symbols",
        ),
        "tests/unit/engine/test_safety_settings.py",
    ),
    **{
        f"exchange.{name}": "tests/unit/cli/test_exchange_account_command.py"
        for name in ("testnet", "api_key", "api_secret", "base_url", "requests_per_second", "recv_window_ms")
    },
    "live.ramp_days": f"{GATES}/test_sizes.py",
    **dict.fromkeys(("live.ramp_steps", "live.capital_usdt"), "tests/unit/live/test_limits.py"),
    "live.max_decision_lag_minutes": f"{GATES}/test_incomplete_bar.py",
    "risk.max_position_usdt": f"{GATES}/test_sizes.py",
    "risk.margin_soft_limit_pct": f"{GATES}/test_margin.py",
    "risk.margin_hard_limit_pct": f"{GATES}/test_margin.py",
    "risk.maintenance_margin_limit_pct": f"{GATES}/test_margin.py",
    "risk.margin_action": "tests/unit/engine/test_margin_trim.py",
    "risk.kill_switch.on_activate": "tests/unit/engine/test_commands.py",
    "risk.kill_switch.market_after_seconds": "tests/unit/engine/test_flatten.py",
    "risk.venue_limits.max_api_lag_seconds": f"{GATES}/test_api_lag.py",
    "risk.venue_limits.max_clock_skew_ms": f"{GATES}/test_clock_skew.py",
    "risk.venue_limits.min_complete_frac": f"{GATES}/test_incomplete_bar.py",
    "risk.venue_limits.max_unexplained_wallet_change_pct": f"{GATES}/test_wallet.py",
    **{
        f"risk.api_circuit_breaker.{name}": "tests/unit/engine/test_health.py"
        for name in ("enabled", "max_errors", "window_seconds", "cooldown_seconds", "failure_rate_alert_pct")
    },
    **{f"notifications.monitoring.{name}": "tests/unit/engine/test_watch.py" for name in ALARMS},
    **dict.fromkeys(
        (
            "exchange.watchdog_api_key",
            "exchange.watchdog_api_secret",
            "exchange.dead_man_switch",
            "notifications.monitoring.heartbeat_seconds",
            "risk.watchdog_flatten_after_minutes",
        ),
        "tests/unit/live/watchdog/test_settings.py",
    ),
}
