"""Gates: one file for each, one row for each, asked in this order. The strictest verdict wins.

Guards that need only equity, positions and bars are the kernel's; these hold facts of the venue, and what its owner
has said. Beside the rows stands `net_cap.balance`, which looks at a batch as a whole.
"""

from __future__ import annotations

from typing import Final

from xsmom.domain.effects import Severity
from xsmom.domain.orders import Veto
from xsmom.engine.gates import (
    api_lag,
    breaker,
    clock_skew,
    delisting,
    foreign,
    held_by_hand,
    incomplete_bar,
    kill_switch,
    liquidation_near,
    maintenance,
    margin_hard,
    margin_soft,
    min_notional,
    mismatch,
    mode,
    not_trading,
    order_size,
    position_size,
    ramp,
    stale_book,
    stop_coverage,
    unknown_order,
    wallet,
)
from xsmom.engine.gates.gate import Gate, Row

__all__ = ["GATES", "NET_CAP", "Gate", "Row"]

_INFO, _WARNING, _ERROR, _CRITICAL = Severity.INFO, Severity.WARNING, Severity.ERROR, Severity.CRITICAL

GATES: Final = (
    Gate(
        Veto.KILL_SWITCH,
        _CRITICAL,
        of_venue=False,
        fires="the kill switch is set, by command line, file, REST, dashboard, Telegram or watchdog",
        mend="find out who set it and why (`xsmom kill status`); when the cause is gone, `xsmom kill deactivate`",
        judge=kill_switch.judge,
    ),
    Gate(
        Veto.MODE,
        _INFO,
        of_venue=False,
        fires="the mode is not TRADING",
        mend="`xsmom status` names the cause of the mode; end that",
        judge=mode.judge,
    ),
    Gate(
        Veto.BREAKER,
        _ERROR,
        of_venue=True,
        fires="`risk.api_circuit_breaker`: too many failed calls within the window, and no good probe since",
        mend="look at the exchange's status page and at the errors in the log; it closes by itself after the cooldown",
        judge=breaker.judge,
    ),
    Gate(
        Veto.API_LAG,
        _WARNING,
        of_venue=True,
        fires="calls of the newest minute took longer than `risk.venue_limits.max_api_lag_seconds` on average",
        mend="check the network and the load of this machine; it ends with the lag",
        judge=api_lag.judge,
    ),
    Gate(
        Veto.CLOCK_SKEW,
        _ERROR,
        of_venue=True,
        fires="our clock and the exchange's may be further apart than `risk.venue_limits.max_clock_skew_ms`",
        mend="start time synchronisation (chrony, systemd-timesyncd), then `xsmom doctor`",
        judge=clock_skew.judge,
    ),
    Gate(
        Veto.INCOMPLETE_BAR,
        _WARNING,
        of_venue=True,
        fires="fewer names than `risk.venue_limits.min_complete_frac` have the newest bar, or that bar is old",
        mend="the exchange's candles are late or partly missing; the next complete bar ends it",
        judge=incomplete_bar.judge,
    ),
    Gate(
        Veto.STALE_BOOK,
        _WARNING,
        of_venue=True,
        fires="the account was last read too long ago, or the private stream is down",
        mend="`xsmom reconcile`; if it fails, check keys and network with `xsmom doctor`",
        judge=stale_book.judge,
    ),
    Gate(
        Veto.MARGIN_SOFT,
        _WARNING,
        of_venue=True,
        fires="initial margin in use is at or above `risk.margin_soft_limit_pct` of equity",
        mend="add collateral, or lower `strategy.gross_leverage`; other orders on the account use margin too",
        judge=margin_soft.judge,
    ),
    Gate(
        Veto.MARGIN_HARD,
        _CRITICAL,
        of_venue=True,
        fires="initial margin in use is at or above `risk.margin_hard_limit_pct` of equity",
        mend="both legs are being reduced (`risk.margin_action`); add collateral or `xsmom flatten`",
        judge=margin_hard.judge,
    ),
    Gate(
        Veto.MAINTENANCE,
        _CRITICAL,
        of_venue=True,
        fires="the maintenance margin rate is at or above `risk.maintenance_margin_limit_pct`",
        mend="both legs are being reduced; at 100 % the exchange liquidates: add collateral or `xsmom flatten`",
        judge=maintenance.judge,
    ),
    Gate(
        Veto.LIQUIDATION_NEAR,
        _CRITICAL,
        of_venue=True,
        fires="a position is nearer to its liquidation price than a tenth of the mark",
        mend="add collateral, or close that position by hand",
        judge=liquidation_near.judge,
    ),
    Gate(
        Veto.STOP_COVERAGE,
        _ERROR,
        of_venue=True,
        fires="a position has no stop on the exchange that was seen in both views",
        mend="`xsmom positions` shows which; the sentinel repairs it, and closes what it cannot protect",
        judge=stop_coverage.judge,
    ),
    Gate(
        Veto.UNKNOWN_ORDER,
        _WARNING,
        of_venue=True,
        fires="an order of ours in this symbol has an unknown outcome",
        mend="it is being looked up; `xsmom orders` shows it",
        judge=unknown_order.judge,
    ),
    Gate(
        Veto.WALLET,
        _ERROR,
        of_venue=True,
        fires="the wallet moved by more than `risk.venue_limits.max_unexplained_wallet_change_pct` without a reason",
        mend="find it in the exchange's income history, then say what it was (`xsmom reconcile`)",
        judge=wallet.judge,
    ),
    Gate(
        Veto.MISMATCH,
        _ERROR,
        of_venue=True,
        fires="the book and the venue contradict each other, or the account could not be read wholly",
        mend="`xsmom reconcile` shows what differs; a second instance has to be ended, modes of the account mended",
        judge=mismatch.judge,
    ),
    Gate(
        Veto.FOREIGN,
        _ERROR,
        of_venue=True,
        fires="orders of somebody else stand in this symbol",
        mend="end the other bot, or cancel the orders by hand; names to be left alone go to `live.ignore_symbols`",
        judge=foreign.judge,
    ),
    Gate(
        Veto.HELD_BY_HAND,
        _INFO,
        of_venue=False,
        fires="the owner has traded this symbol by hand, or it is to be left alone",
        mend="`xsmom release SYMBOL` gives it back",
        judge=held_by_hand.judge,
    ),
    Gate(
        Veto.NOT_TRADING,
        _WARNING,
        of_venue=True,
        fires="the contract is not open for trading",
        mend="nothing; it ends when the exchange opens the contract",
        judge=not_trading.judge,
    ),
    Gate(
        Veto.DELISTING,
        _WARNING,
        of_venue=True,
        fires="the exchange has announced the last trade of the contract",
        mend="nothing; what is held is closed a day before",
        judge=delisting.judge,
    ),
    Gate(
        Veto.RAMP,
        _INFO,
        of_venue=False,
        fires="the book grows to full size over `live.ramp_days` or `live.ramp_steps`",
        mend="nothing; it ends with the ramp",
        judge=ramp.judge,
    ),
    Gate(
        Veto.POSITION_SIZE,
        _WARNING,
        of_venue=False,
        fires="the position would be above `risk.max_position_usdt`",
        mend="raise the limit, or lower leverage or `strategy.max_weight_per_asset`: the plan keeps asking for more",
        judge=position_size.judge,
    ),
    Gate(
        Veto.ORDER_SIZE,
        _INFO,
        of_venue=True,
        fires="the order would be above `execution.max_order_usdt`",
        mend="nothing; the next plan asks for the rest",
        judge=order_size.judge,
    ),
    # Last: what the rows above have left must still be an order.
    Gate(
        Veto.MIN_NOTIONAL,
        _INFO,
        of_venue=True,
        fires="the order is below the exchange's minimum or `execution.min_notional_usdt`",
        mend="nothing, unless it is every order: then the equity is too small for this many names",
        judge=min_notional.judge,
    ),
)

NET_CAP: Final = Row(
    Veto.NET_CAP,
    _WARNING,
    of_venue=True,
    fires="other gates refused or shrank one side of a plan, and the rest would leave more net than planned",
    mend="see which gate refused the other side; the next plan balances again",
)
