"""Engine, exchange core, faults, clock and journal under one seed: what happened is one text, the same every time."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from tests.simulation.checks import BrokenRuleError, Checks
from tests.simulation.market import BAR_MS, BEGIN_MS, CONTRACTS, SYMBOLS, Market
from tests.simulation.venue import CASH, Exchange, Faults
from xsmom import _core, kernel
from xsmom.domain.book import Book, Roster
from xsmom.domain.effects import Effect, Exit, SetTimer
from xsmom.domain.events import (
    BarClosed,
    BarsBackfilled,
    Command,
    CommandGiven,
    Event,
    QuotesSeen,
    Stage,
    Started,
    TimerFired,
)
from xsmom.domain.journal import Entry
from xsmom.domain.orders import Style
from xsmom.domain.window import BarRow
from xsmom.engine import step as engine
from xsmom.engine.rules import GateRules, PaceRules, Rules, WorkRules
from xsmom.live.recompute import recompute
from xsmom.live.recovery import fold_tail, recover
from xsmom.store import codec
from xsmom.store.memory import MemoryJournal
from xsmom.store.window_bytes import pack

MOVE_MS, QUOTE_MS, LINK_MS = 5_000, 10_000, 15_000
BARS, CALM_MS = 5, 240_000
ROSTER = Roster.of(tuple(CONTRACTS.values()))
_STYLES = (Style.POST_ONLY, Style.POST_ONLY, Style.LIMIT, Style.MARKET, Style.TWAP)


def drawn_rules(draw: Random) -> Rules:
    """Bars of five minutes and short looks back, so that little time holds many decisions."""
    fields = _core.params_defaults() | {
        "bar_ms": BAR_MS,
        "lookback_bars": [2, 4],
        "lookback_weights": [0.6, 0.4],
        "vol_bars": 8,
        "atr_bars": 5,
        "k_min": 1,
        "k_max": 2,
        "k_frac": 0.4,
        "cooldown_bars": 1,
        "band_frac": 0.1,
        "streak_losses": 0,
        "stop_atr_x": draw.choice((0.0, 1.2, 2.5)),
        "catastrophic_atr_x": 3.5,
        "daily_loss_max_frac": draw.choice((0.0, 0.02)),
    }
    return Rules(
        params=kernel.Params(**fields),
        fields=fields,
        pace=PaceRules(bar_ms=BAR_MS, decision_lag_max_ms=BAR_MS // 4),
        work=WorkRules(style=draw.choice(_STYLES), twap_ms=90_000, twap_slices=4),
        gates=GateRules(breaker=draw.random() < 0.3),
    )


def with_ladder(rules: Rules, draw: Random) -> Rules:
    """Some of them take profit in rungs, which then stand on the exchange."""
    if draw.random() < 0.6:
        return rules
    rungs = draw.choice(([(0.15, 1.0)], [(0.1, 0.5), (0.3, 0.5)], [(0.1, 0.3), (0.2, 0.3), (0.6, 0.3)]))
    fields = {**rules.fields, "ladder": rungs, "ladder_unit": "r"}
    return replace(rules, params=kernel.Params(**fields), fields=fields)


@dataclass(frozen=True)
class Plan:
    """What befalls the process and the account, beside the faults of the line; times from the start, ms."""

    faults: Faults
    crashes_ms: tuple[int, ...]
    strips_ms: tuple[int, ...]
    jumps_ms: tuple[int, ...]
    kill_ms: int | None
    kill_flattens: bool
    bars: int = BARS
    #: When the owner moves money, and how much; out below 0.
    moves_ms: tuple[tuple[int, int], ...] = ()
    #: When the line goes dark, and for how long.
    darks_ms: tuple[tuple[int, int], ...] = ()

    @classmethod
    def drawn(cls, draw: Random) -> Plan:
        """Some of everything."""
        span_ms = BARS * BAR_MS

        def times(most: int) -> tuple[int, ...]:
            return tuple(sorted(draw.randrange(20_000, span_ms) for _ in range(draw.randrange(most + 1))))

        moves = tuple((at_ms // 2, draw.choice((-400, -150, 900, 2_500))) for at_ms in times(2))
        darks = tuple((at_ms, draw.randrange(3_000, 90_000)) for at_ms in times(2))
        # The worst moment to lose a stop is the one in which nobody can see it.
        unseen = tuple(at_ms + 1_000 for at_ms, _ in darks if draw.random() < 0.5)
        return cls(
            faults=Faults.drawn(draw),
            crashes_ms=times(3),
            strips_ms=times(3) + unseen,
            jumps_ms=times(2),
            kill_ms=draw.randrange(span_ms // 2, span_ms) if draw.random() < 0.35 else None,
            kill_flattens=draw.random() < 0.5,
            moves_ms=moves,
            darks_ms=darks,
        )


class World:
    """One run. `log` has a line for each step and each thing that befell."""

    def __init__(self, seed: int, plan: Plan | None = None) -> None:
        draw = Random(seed)
        self.rules = with_ladder(drawn_rules(draw), Random(seed + 3))
        self.plan = plan or Plan.drawn(draw)
        self._draw = draw
        self.now_ms = BEGIN_MS
        self._heap: list[tuple[int, int, int, Callable[[], None]]] = []
        self._count = 0
        #: Number of the process; while none runs, its number is a number that nothing was made for.
        self._process, self._up = 0, False
        self._timers: dict[str, int] = {}
        self._doom = ""
        self.market = Market(Random(seed + 1))
        self._past = self.market.past_bars(kernel.warmup_bars(self.rules.params))
        self.exchange = Exchange(self, self.market, Random(seed + 2), self.plan.faults)
        self.journal = MemoryJournal(snapshot_every_events=250)
        self.book: Book | None = None
        self.window = recover(self.journal, self.rules, ROSTER).window
        self._bars: list[BarRow] = []
        self._quiet = False
        self.log: list[str] = []
        self.counts: dict[str, int] = {}
        self.checks = Checks(self.rules)

    # --- the clock ---------------------------------------------------------------------------

    def after(self, wait_ms: int, act: Callable[[], None], *, ours: bool) -> None:
        """Do it then; what is ours dies with the process."""
        self._count += 1
        heapq.heappush(self._heap, (self.now_ms + wait_ms, self._count, self._process if ours else 0, act))

    def put(self, event: Event) -> None:
        """Something comes in, now."""
        if self._up:
            self._take(event)

    def run(self, *, refold: bool = True) -> World:
        """Trouble, then calm; at its end everything has to be settled. `refold`: prove the journal too."""
        plan = self.plan
        self._each(MOVE_MS, self._move)
        for at_ms in plan.crashes_ms:
            self.after(at_ms, self._crash_soon, ours=False)
        for at_ms in plan.strips_ms:
            self.after(at_ms, self._strip, ours=False)
        for at_ms in plan.jumps_ms:
            self.after(at_ms, self._jump, ours=False)
        for at_ms, usdt in plan.moves_ms:
            self.after(at_ms + 20_000, partial(self._transfer, usdt), ours=False)
        for at_ms, for_ms in plan.darks_ms:
            self.after(at_ms, self._go_dark, ours=False)
            self.after(at_ms + for_ms, self._come_back, ours=False)
        if plan.kill_ms is not None:
            self.after(plan.kill_ms, self._kill, ours=False)
        for at in range(1, plan.bars + 1):
            self.after(at * BAR_MS, self._close_bar, ours=False)
        self._boot()
        self._until(BEGIN_MS + plan.bars * BAR_MS + 60_000)
        self._calm()
        self._until(self.now_ms + CALM_MS)
        assert self.book is not None
        self.checks.at_rest(self.book, self.exchange)
        if refold:
            self._fold_again()
        self.log.append(codec.encode(self.book))
        return self

    def _fold_again(self) -> None:
        done = recompute(self.journal, self.rules)
        assert done.followed is not None, "every world begins with its first start, and keeps its names"
        differences = [f"{one.seq}: {one.what}" for one in done.differences] + done.followed.differences
        if differences:
            raise BrokenRuleError("restart", f"folded again, {differences[0]}")

    @property
    def digest(self) -> str:
        """Hash of the log."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()

    def _until(self, end_ms: int) -> None:
        while self._heap and self._heap[0][0] <= end_ms:
            at_ms, _, owner, act = heapq.heappop(self._heap)
            self.now_ms = at_ms
            if owner == 0 or (owner == self._process and self._up):
                act()
        self.now_ms = end_ms

    def _each(self, every_ms: int, act: Callable[[], None], *, ours: bool = False) -> None:
        def again() -> None:
            self.after(every_ms, again, ours=ours)
            act()

        self.after(every_ms, again, ours=ours)

    # --- the process -------------------------------------------------------------------------

    def _boot(self) -> None:
        """The only start: what the journal has kept, and then the line, the past, the prices."""
        kept = recover(self.journal, self.rules, ROSTER)
        self.book, self.window = kept.book, kept.window
        self._process, self._up, self._timers, self._doom = self._process + 1, True, {}, ""
        self.checks.begin(self.now_ms)
        self._note("boot")
        self._take(
            Started("sim", self.now_ms, "c", "p", "1", tuple(CONTRACTS.values()), float(CASH)),
        )
        self.after(50, self._hear, ours=True)
        self.after(400, self._catch_up, ours=True)
        self._each(QUOTE_MS, self._quote, ours=True)
        self._each(LINK_MS, lambda: self.put(self.exchange.link()), ours=True)
        self._each(1_000, self._tell_failures, ours=True)

    def _hear(self) -> None:
        self.put(self.exchange.link())
        self.exchange.read_fills(self.now_ms - 600_000)
        self.exchange.read_account()
        self._quote()

    def _quote(self) -> None:
        if not self.exchange.dark:
            self.put(QuotesSeen(self.market.quotes(self.now_ms)))

    def _tell_failures(self) -> None:
        if self.exchange.failing:
            self.put(self.exchange.link())

    def _catch_up(self) -> None:
        if self.exchange.dark:
            return
        last_ms = self.window.last_ms
        if last_ms is None:
            self.put(BarsBackfilled(self._past))
            last_ms = BEGIN_MS
        missed = [row for row in self._bars if row.close_ms > last_ms]
        for at, row in enumerate(missed, 1):
            self._bar(row, late=at < len(missed))

    def _bar(self, row: BarRow, *, late: bool = False) -> None:
        for stage in Stage:
            self.put(BarClosed(row.close_ms, stage, row if stage is Stage.TOUCH else None, late=late))

    def _take(self, event: Event) -> None:
        engine.grow(self.window, event)
        book, effects, notes = engine.step(self.book, self.window, event, self.now_ms, self.rules)
        doom = self._doom if effects else ""
        if doom == "before":
            self._crash("before its step was committed")
            return
        self.journal.append(Entry(book.seq, self.now_ms, event, effects, notes), book)
        self.book = book
        if self.journal.snapshot_due:
            self.journal.save_snapshot(book, pack(self.window))
        self.log.append(f"{self.now_ms} {codec.encode(event)} {codec.encode(effects)} {codec.encode(notes)}")
        for note in notes:
            self.counts[note.name] = self.counts.get(note.name, 0) + 1
        self.checks.after_step(self.now_ms, book, event, effects, notes, self.exchange)
        if doom == "after":
            self._crash("after its step was committed, before anything was sent")
            return
        for effect in effects:
            self._act(effect)

    def _act(self, effect: Effect) -> None:
        if isinstance(effect, SetTimer):
            self._timers[effect.name] = effect.due_ms
            self.after(max(0, effect.due_ms - self.now_ms), lambda: self._fire(effect), ours=True)
        elif isinstance(effect, Exit):
            raise BrokenRuleError("left", f"the process left: {effect.why}")
        else:
            self.exchange.carry(effect)

    def _fire(self, effect: SetTimer) -> None:
        if self._timers.get(effect.name) == effect.due_ms:
            del self._timers[effect.name]
            self.put(TimerFired(effect.name, effect.due_ms))

    # --- what befalls it ---------------------------------------------------------------------

    def _crash_soon(self) -> None:
        self._doom = self._draw.choice(("before", "after", "idle"))
        if self._doom == "idle":
            self._crash("between two steps")

    def _crash(self, when: str) -> None:
        """Everything in memory is gone; what comes back is what the journal has."""
        if not self._up:
            return
        self._note(f"crash {when}")
        self._up = False
        self.exchange.hang_up()
        kept, folded = self.journal.newest_book(), fold_tail(self.journal, self.rules)
        if kept is not None:
            text = codec.encode(kept)
            if codec.encode(codec.decode(text)) != text or codec.encode(folded) != text:
                raise BrokenRuleError("restart", "the book that is read, or folded again, is another one")
        self.after(self._draw.randrange(500, 20_000), self._boot, ours=False)

    def _kill(self) -> None:
        if not self._up:
            self.after(1_000, self._kill, ours=False)
            return
        args = {"flatten": "yes" if self.plan.kill_flattens else "no"}
        self._note(f"kill {args}")
        self.put(CommandGiven(Command.KILL, "sim", self.now_ms, "drill", args))

    def _strip(self) -> None:
        held = [one.symbol for one in self.exchange.account.positions()]
        if held:
            symbol = self._draw.choice(held)
            self._note(f"strip {symbol} {self.exchange.strip_stop(symbol)}")

    def _transfer(self, usdt: int) -> None:
        self._note(f"transfer {usdt} {self.exchange.transfer(usdt)}")

    def _go_dark(self) -> None:
        self._note("dark")
        self.exchange.dark = True
        self.put(self.exchange.link())

    def _come_back(self) -> None:
        """The line is there again; the stream says that something may be missing, so everything is read."""
        self._note("back")
        self.exchange.dark = False
        self.checks.begin(self.now_ms)
        if self._up:
            self._hear()
            self._catch_up()

    def _jump(self) -> None:
        symbol = self._draw.choice(SYMBOLS)
        self.market.jump(symbol, self._draw.choice((-0.03, 0.03)))
        self._note(f"jump {symbol}")
        self.exchange.price()

    def _move(self) -> None:
        if not self._quiet:
            self.market.move()
        self.exchange.price()

    def _close_bar(self) -> None:
        row = self.market.close_bar(self.now_ms)
        self._bars.append(row)
        if self._draw.random() < 0.3:
            self.exchange.pay_funding(self._draw.choice(SYMBOLS), self._draw.choice((-20_000, 20_000)))
        self.after(self._draw.randrange(500, 3_000), lambda: self._bar_if_new(row), ours=True)

    def _bar_if_new(self, row: BarRow) -> None:
        if not self.exchange.dark and self.window.last_ms is not None and row.close_ms == self.window.last_ms + BAR_MS:
            self._bar(row)

    def _calm(self) -> None:
        """Nothing is wrong any more, prices stand, and nothing new is wanted."""
        self._quiet = True
        self._note("calm")
        self.exchange.faults, self.exchange.dark = Faults(), False
        if not self._up:
            self._until(self.now_ms + 25_000)
        self.put(CommandGiven(Command.PAUSE, "sim", self.now_ms, "the end"))

    def _note(self, what: str) -> None:
        self.log.append(f"{self.now_ms} -- {what}")
        kind = what.partition(" ")[0]
        self.counts[kind] = self.counts.get(kind, 0) + 1
