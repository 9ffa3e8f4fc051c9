"""Books and events of any size, as the engine makes them: what tests of the journal write and read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from tests.oracle.params import DEFAULT_PARAMS
from xsmom import kernel
from xsmom.domain.book import Book, Cycle, Mode, Money, Names, Roster
from xsmom.domain.effects import Effect, Note, SendOrder, SetTimer, Severity
from xsmom.domain.events import BarClosed, Event, FillSeen, FundingPaid, Stage, TimerFired, TransferSeen
from xsmom.domain.journal import Entry
from xsmom.domain.market_data import Instrument, MarginTier, Quote, Trading
from xsmom.domain.orders import Approved, Intent, LiveOrder, Phase, Purpose, Style, Task
from xsmom.domain.protection import Protection
from xsmom.domain.trading import FillKind, OrderRequest, OrderState, OrderView, Trigger, TriggerBy, VenueFill
from xsmom.domain.window import BarRow

HOUR_MS = 3_600_000
BEGIN_MS = 1_700_000 * 1_000_000 // HOUR_MS * HOUR_MS


def instrument(at: int) -> Instrument:
    tier = MarginTier(Decimal(2000000), Decimal("0.005"), Decimal(0), Decimal(100))
    return Instrument(
        symbol=f"C{at:03d}USDT", base=f"C{at:03d}", quote="USDT", price_tick=Decimal("0.0100"),
        qty_step=Decimal("0.001"), lots_min=1, lots_max=10_000_000, lots_max_market=1_000_000,
        notional_usdt_min=Decimal(5), contract_size=Decimal(1), leverage_x_max=Decimal("100.00"),
        funding_interval_ms=8 * HOUR_MS, trading=Trading.OPEN, listed_ms=BEGIN_MS, tiers=(tier, tier),
    )  # fmt: skip


def quote(at: int, rng: np.random.Generator) -> Quote:
    price = Decimal(str(round(float(rng.uniform(1, 100)), 2)))
    return Quote(
        symbol=f"C{at:03d}USDT", at_ms=BEGIN_MS, last=price, mark=price, index=price, bid=price, ask=None,
        turnover_usdt_day=Decimal("1234567.89"), funding_frac=Decimal("0.0001"), next_funding_ms=BEGIN_MS,
    )  # fmt: skip


def order(at: int, serial: int, phase: Phase = Phase.WORKING) -> LiveOrder:
    request = OrderRequest(f"xmorder{serial:08d}", f"C{at:03d}USDT", lots=5 - 10 * (serial % 2), price_ticks=4_200)
    return LiveOrder(request, request.client_order_id, phase, sent_ms=BEGIN_MS + serial, order_id=f"v{serial}")


def approved(one: LiveOrder) -> Approved:
    intent = Intent(
        symbol=one.symbol, lots=one.request.lots, reduce_only=False, purpose=Purpose.REBALANCE,
        style=Style.POST_ONLY, reference_price=42.5, atr=0.1, decided_ms=BEGIN_MS,
    )  # fmt: skip
    return Approved(intent, intent.lots, one.client_order_id)


def book(names: int = 3, seed: int = 1, orders: int | None = None) -> Book:
    """A book in the midst of trading."""
    rng = np.random.default_rng(seed)
    roster = Roster.of(tuple(instrument(at) for at in range(names)))
    params = kernel.Params(**DEFAULT_PARAMS)
    living = {one.client_order_id: one for one in (order(at % names, at) for at in range(orders or names))}
    positions = {**kernel.flat_positions(names), "lots": rng.integers(-50, 50, names)}
    return Book(
        seq=0, as_of_ms=BEGIN_MS, run_id="run", mode=Mode.TRADING, mode_ms=BEGIN_MS, mode_why="",
        started_ms=BEGIN_MS, first_ms=BEGIN_MS, config_hash="c" * 64, roster=roster,
        money=Money(10_000.5, 10_000.0, fee_usdt=1.25, fills=3),
        names=replace(Names.blank(names), mark=rng.uniform(1, 100, names)),
        cycle=Cycle(paid_week=(0.1, 0.2), atr=rng.uniform(0, 1, names)),
        positions=positions, records=kernel.new_records(names), guards=kernel.new_guards(names),
        decision=kernel.new_state(names, params), labels=kernel.new_labels(names, params), orders=living,
        tasks={key: Task(approved(one), BEGIN_MS, BEGIN_MS + 1) for key, one in living.items()},
        protection={name: Protection(stop_ticks=1) for name in roster.symbols},
        quotes={f"C{at:03d}USDT": quote(at, rng) for at in range(names)},
        fills_seen={f"e{serial}": BEGIN_MS for serial in range(5)},
    )  # fmt: skip


def bar(names: int, close_ms: int = BEGIN_MS, seed: int = 1, stage: Stage = Stage.TOUCH) -> BarClosed:
    rng = np.random.default_rng(seed)
    cells = rng.uniform(1, 100, (6, names))
    cells[:, ::7] = np.nan
    return BarClosed(close_ms, stage, BarRow(close_ms, *cells) if stage is Stage.TOUCH else None)


def fill(serial: int, at: int = 0, kind: FillKind = FillKind.TRADE) -> VenueFill:
    lots = 0 if kind is FillKind.FUNDING else 5
    return VenueFill(
        exec_id=f"{kind.value}{serial}", order_id=f"v{serial}", client_order_id=f"xmorder{serial:08d}",
        symbol=f"C{at:03d}USDT", kind=kind, lots=lots, price=Decimal("42.50"), fee_usdt=Decimal("0.0123450"),
        is_maker=True, seq=serial, at_ms=BEGIN_MS + serial,
    )  # fmt: skip


def order_view(key: str, state: OrderState, filled_lots: int, reason: str = "") -> OrderView:
    """What an exchange shows of an order of -5 lots."""
    return OrderView(
        order_id="v1", client_order_id=key, symbol="C000USDT", lots=-5, filled_lots=filled_lots, average_price=None,
        price_ticks=4_200, trigger=None, reduce_only=False, of_position=False, state=state, reason=reason,
        created_ms=BEGIN_MS, at_ms=BEGIN_MS + 9,
    )  # fmt: skip


def entry(seq: int, event: Event, effects: tuple[Effect, ...] = (), notes: tuple[Note, ...] = ()) -> Entry:
    return Entry(seq, BEGIN_MS + seq, event, effects, notes)


def day(seq: int, names: int = 3) -> Entry:
    """Something different at each number: a timer, a fill with what follows from it, a bar, funding, a transfer."""
    match seq % 5:
        case 1:
            one = order(seq % names, seq)
            note = Note("order.sent", Severity.INFO, {"symbol": one.symbol, "lots": np.int64(5), "price": 42.5})
            sent = (SendOrder(one.request, approved(one)), SetTimer("work", BEGIN_MS + seq))
            return entry(seq, TimerFired("work", BEGIN_MS + seq), sent, (note,))
        case 2:
            return entry(seq, FillSeen(fill(seq, seq % names)), notes=(Note("order.filled", fields={"a": (1, 2)}),))
        case 3:
            return entry(seq, bar(names, BEGIN_MS + seq // 5 * HOUR_MS, seq))
        case 4:
            return entry(seq, FundingPaid(fill(seq, seq % names, FillKind.FUNDING)))
        case _:
            moved = TransferSeen(f"t{seq}", Decimal("-12.50"), BEGIN_MS + seq)
            return entry(seq, moved, notes=(transfer_note(moved),))


def transfer_note(moved: TransferSeen) -> Note:
    """What is told where a transfer was booked."""
    amount = float(moved.amount_usdt)
    return Note("transfer.seen", fields={"id": moved.transfer_id, "amount_usdt": amount, "at_ms": moved.at_ms})


def trigger(ticks: int) -> Trigger:
    return Trigger(ticks, TriggerBy.MARK, rising=False)
