"""Which venue, which clock, which journal: the one place where the modes of trading differ."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from xsmom.config.resolved import Resolved
from xsmom.domain.trading import Answer, KeyFacts, ModeReport, Modes, OrderRequest, Refusal, Rejected, TriggerBy
from xsmom.engine.rules import Rules
from xsmom.errors import ConfigError
from xsmom.live.bars import Pace, Progress
from xsmom.live.clock import LapseClock, SteadyClock
from xsmom.live.config_watch import ConfigWatch
from xsmom.live.lapse import stretch
from xsmom.live.process import Process, stop_on_signals
from xsmom.live.start import Setting
from xsmom.ports import Clock, Sink, Venue
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules
from xsmom.venues.exchange_table import Network
from xsmom.venues.roster import open_market, open_venue, table_of
from xsmom.venues.wire import Access, Keys

Open = Callable[["Start", Clock], Any]

_FINAL_AFTER_WALL_MS = 100
PAPER_ACCOUNT = "account.paper"
"""The paper account's file in the folder of its state."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the operator asked for."""

    config: Resolved
    mode: str
    sinks: Sequence[Sink]
    progress: Progress | None = None
    lapse: float = 1.0
    adopt: bool = False
    ignore: tuple[str, ...] = ()
    config_watch: ConfigWatch | None = None

    @property
    def state_dir(self) -> Path:
        """Where this mode keeps its state; paper and shadow never touch the live account's."""
        base = Path(str(self.config.value("live.state_dir")))
        return base if self.mode == "live" else base / self.mode


def run(start: Start) -> str:
    """Trade until asked to stop; why it ended."""
    return asyncio.run(_run(start))


async def _run(start: Start) -> str:
    venue, clock = await open_account(start)
    try:
        state_dir = start.state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        name = await _account_name(start, venue)
        journal = open_journal(StoreRules.of(start.config), state_dir, name, clock)
        try:
            process = Process(venue, journal, clock, make_setting(start, state_dir))
            loop = asyncio.get_running_loop()
            stop_on_signals(process, loop.add_signal_handler, (signal.SIGTERM, signal.SIGINT))
            return await process.run()
        finally:
            journal.close()
    finally:
        await venue.close()


def make_setting(start: Start, state_dir: Path) -> Setting:
    """What a process of this start is given."""
    config = start.config
    rules = replace(stretch(Rules.of(config), start.lapse), watches=start.mode == "shadow")
    grace_ms = round(float(str(config.value("live.bar_grace_seconds"))) * 1_000)
    written = Path(str(config.value("risk.kill_switch.file")))
    return Setting(
        config=config,
        rules=rules,
        state_dir=state_dir,
        stop_file=written,
        sinks=start.sinks,
        progress=start.progress,
        # An exchange in time-lapse closes its bars no sooner by the wall.
        pace=Pace(
            grace_ms=round(grace_ms * start.lapse),
            final_after_ms=max(Pace().final_after_ms, round(_FINAL_AFTER_WALL_MS * start.lapse)),
        ),
        heartbeat_s=float(str(config.value("live.heartbeat_seconds"))),
        initial_usdt=float(str(config.value("paper.initial_equity_usdt"))) if start.mode == "paper" else None,
        adopt=start.adopt or bool(config.value("live.adopt_positions")),
        ignore=(*start.ignore, *config.written.live.ignore_symbols),
        watched=start.mode == "live",
        config_watch=start.config_watch,
    )


async def open_account(start: Start) -> tuple[Venue, Clock]:
    """The venue of a mode, and the clock that goes with it."""
    refuse_dead_man(start.config)
    access = access_of(start.config, start.lapse)
    if start.lapse != 1.0 and access.base_url is None:
        raise ConfigError("--lapse is for an exchange of your own: give its address as exchange.base_url")
    exchange = str(start.config.value("exchange.id"))
    if start.mode == "paper":
        market = await open_market(exchange, access)
        clock = await _clock(market.now_ms, start.lapse)
        from xsmom.venues.paper.paper_venue import PaperVenue

        start.state_dir.mkdir(parents=True, exist_ok=True)
        keep = start.state_dir / PAPER_ACCOUNT
        return await PaperVenue.over_market(market, clock=clock, keep=keep, **paper_options(start.config)), clock
    if access.keys is None:
        raise ConfigError(
            "no key: give XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET in the environment or in .env"
        )
    venue: Venue = await open_venue(exchange, access)
    clock = await _clock(venue.now_ms, start.lapse)
    return (ShadowVenue(venue) if start.mode == "shadow" else venue), clock


def refuse_dead_man(config: Resolved) -> None:
    """An exchange that cancels everything when the line is lost takes the stops as well, unless it is proved not to."""
    if not config.value("exchange.dead_man_switch"):
        return
    name = str(config.value("exchange.id"))
    if not table_of(name).capabilities.dead_man_keeps_stops:
        raise ConfigError(
            f"exchange.dead_man_switch: nothing proves that the switch of {name} leaves protective stops standing, so "
            "it is not armed; leave the setting out, and run xsmom watchdog"
        )
    raise ConfigError(f"exchange.dead_man_switch: this version does not know how to arm the switch of {name}")


def paper_options(config: Resolved) -> dict[str, Any]:
    """What a paper account begins with, and how its orders are treated."""
    return {
        "cash_usdt": Decimal(str(config.value("paper.initial_equity_usdt"))),
        "costs": config.costs(),
        "latency_ms": int(str(config.value("paper.latency_ms"))),
        "partial_fills": bool(config.value("paper.partial_fills")),
    }


def access_of(config: Resolved, lapse: float = 1.0) -> Access:
    """How the account is reached, and its keys."""
    written = config.written.exchange
    keys = None
    if written.api_key is not None and written.api_secret is not None:
        keys = Keys(written.api_key, written.api_secret)
    return Access(
        network=Network.TEST if written.testnet else Network.MAIN,
        base_url=written.base_url,
        requests_per_second=written.requests_per_second,
        keys=keys,
        recv_window_ms=written.recv_window_ms,
        proxy_url=written.proxy_url,
        lapse=lapse,
        tls=trust(written.ca_file),
    )


def trust(ca_file: str | None) -> ssl.SSLContext | None:
    """Who vouches for the server: one certificate of its own, or None for the usual authorities."""
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"exchange.ca_file: {ca_file} is no certificate ({error}): give the PEM file of the server"
        ) from error


async def _clock(venue_now: Callable[[], Any], lapse: float) -> Clock:
    return SteadyClock() if lapse == 1.0 else LapseClock(await venue_now(), lapse)


async def _account_name(start: Start, venue: Venue) -> str:
    if start.mode == "paper":
        return "paper"
    key = await venue.key()
    if start.mode == "live":
        check_key(key)
    return f"{venue.venue}:{key.account}"


def check_key(key: KeyFacts) -> None:
    """A key for trading, and for nothing that could empty the account."""
    if key.can_withdraw:
        raise ConfigError(
            "this key may withdraw: make one that may only trade and read, and give that; whoever gets hold of a "
            "trader's key should not be able to take the money away"
        )
    if key.read_only or not key.can_trade:
        raise ConfigError(
            "this key may not trade contracts: allow it orders and positions at the exchange, or use `xsmom shadow`"
        )


class ShadowVenue:
    """An account that is only looked at: whatever would change it is refused on this side."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def __getattr__(self, name: str) -> Any:
        """Everything that reads is the account's own."""
        return getattr(self._venue, name)

    async def submit(self, request: OrderRequest) -> Answer:
        """Not sent."""
        return _shadowed(f"order {request.client_order_id}")

    async def amend(self, request: Any) -> Answer:
        """Not sent."""
        return _shadowed(f"change of {request.client_order_id}")

    async def cancel(self, symbol: str, client_order_id: str) -> Answer:
        """Not sent."""
        return _shadowed(f"cancel of {client_order_id} in {symbol}")

    async def set_position_stop(
        self, symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy
    ) -> Answer:
        """Not sent."""
        return _shadowed(f"stop of {symbol} at {stop_loss_ticks}, {take_profit_ticks} by {by.value}")

    async def ensure_modes(self, modes: Modes) -> ModeReport:
        """Taken as they are."""
        return ModeReport(unchanged=tuple(f"leverage {symbol}" for symbol in modes.symbols))


def _shadowed(what: str) -> Rejected:
    return Rejected(Refusal.WATCHED, "shadow", f"{what} was not sent")
