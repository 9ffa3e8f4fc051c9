"""Entries that rest on the exchange when a gate begins to refuse: they do not stay there."""

import secrets

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_guards_of_the_account import buy_by_hand, cancel, eat_margin, order_by_hand, spare
from tests.e2e.live.test_live_process import on_market
from tests.e2e.simex.rig import HOUR_MS, until
from xsmom.domain.book import Mode
from xsmom.domain.events import Command
from xsmom.domain.orders import Style

MINUTE_MS = 60_000
# They rest three percent from the market, and nobody crosses for hours: such an entry does not fill.
PATIENT = {
    "execution.dynamic_offset.enabled": True,
    "execution.dynamic_offset.base_bps": 300,
    "execution.dynamic_offset.max_offset_bps": 300,
    "execution.deadline_seconds": 80_000,
    "execution.stale_orders.enabled": False,
}


class Waiting(Stage):
    """A stage whose entries rest."""

    def __init__(self, *given, **settings):
        super().__init__(*given, style=Style.LIMIT, **{**PATIENT, **settings})

    def resting(self):
        """Entries of ours on the exchange, by client id."""
        rows = self.rig.truth()["open_orders"]
        return {row["client_id"] for row in rows if row["client_id"].startswith("xm") and not row["reduce_only"]}

    async def rest(self):
        await self._until(lambda: len(self.resting()) >= 2, "no entry rests")

    async def gone(self, gate, since):
        """The gate has refused, and nothing rests any more."""
        await self.refused(gate, since)
        await self._until(lambda: not self.resting(), f"entries stand though {gate} refuses")

    async def refused(self, gate, since):
        """An entry waits for this gate, or was called off by it."""
        await self._until(lambda: any(_names(note, gate) for note in self.notes.told[since:]), f"{gate} is silent")

    async def _until(self, reached, why):
        try:
            await until(lambda: self._ended() or reached(), 30.0)
        except AssertionError:
            raise AssertionError(f"{why}: {self.resting()}; {self.tell()}") from None
        assert not self._ended()

    async def again(self):
        """The next plan asks anew."""
        await self.leap()
        await self.rest()


def _names(note, gate):
    if note.name == "order.called_off":
        return gate in note.fields["why"].partition(": ")[0].split(", ")
    return note.name == "order.held" and note.fields["waits_for"] == gate


@on_market
async def test_they_are_taken_back_while_the_account_is_not_known_and_go_on_after_it(rig, venue, tmp_path):
    async with Waiting(rig, venue, tmp_path, **{"risk.venue_limits.max_api_lag_seconds": 0.7}) as stage:
        await stage.rest()
        tasks = set(stage.book.tasks)
        first, since = stage.resting(), len(stage.notes.told)
        rig.server.hub.kill_all("private")
        await stage.gone("stale_book", since)
        await stage.rest()
        # The same entries under new names: nothing was lost by it.
        assert set(stage.book.tasks) == tasks
        assert not stage.resting() & first

        since = len(stage.notes.told)
        rig.world.clock.skew_ms = 10 * MINUTE_MS
        await stage.gone("clock_skew", since)
        rig.world.clock.skew_ms = 0
        await stage.rest()

        since = len(stage.notes.told)
        stage.meet(do="delay", delay_ms=1_500, match="/v5/", times=0)
        await stage.gone("api_lag", since)
        stage.heal()
        await stage.rest()

        since = len(stage.notes.told)
        stage.meet(do="http", match="/v5/account/wallet-balance", times=0)
        stage.say(Command.RECONCILE)
        await stage.gone("mismatch", since)
        stage.heal()
        await stage.rest()

        since, name = len(stage.notes.told), spare(stage)
        twin = await order_by_hand(rig, name, 500, orderLinkId="xm" + secrets.token_hex(12))
        stage.say(Command.RECONCILE)
        await stage.refused("mismatch", since)
        await cancel(rig, name, twin)
        stage.say(Command.RECONCILE)
        await stage.rest()
        assert set(stage.book.tasks) == tasks


@on_market
async def test_the_breaker_and_the_wallet_take_them_back(rig, venue, tmp_path):
    async with Waiting(rig, venue, tmp_path) as stage:
        await stage.rest()
        since = len(stage.notes.told)
        stage.meet(do="ret", code=10016, text="not now", match="/v5/account/transaction-log", times=0)
        rig.world.transfer("main", "900")
        stage.say(Command.RECONCILE)
        await stage.gone("wallet", since)
        stage.say(Command.CLASSIFY, kind="transfer")
        stage.heal()
        await stage.rest()

        since = len(stage.notes.told)
        stage.meet(do="http", match="/v5/market/tickers", times=0)
        await stage.gone("breaker", since)
        stage.heal()
        await stage.nothing_opens()


@on_market
async def test_they_are_called_off_where_nothing_may_be_opened_any_more(rig, venue, tmp_path):
    settings = {"risk.kill_switch.on_activate": "freeze", "risk.maintenance_margin_limit_pct": 20}
    async with Waiting(rig, venue, tmp_path, **settings) as stage:
        await stage.rest()
        since = len(stage.notes.told)
        stage.say(Command.PAUSE)
        await stage.gone("mode", since)
        await stage.until(lambda book: not book.tasks)
        stage.say(Command.RESUME)

        await stage.again()
        since, name = len(stage.notes.told), spare(stage)
        big = await eat_margin(rig, name, 0.85)
        stage.say(Command.RECONCILE)
        await stage.gone("margin_soft", since)
        await cancel(rig, name, big)
        stage.say(Command.RECONCILE)
        await stage.until(lambda book: book.mode is Mode.TRADING and book.venue.account.initial_margin_usdt < 5_000)

        await stage.again()
        since = len(stage.notes.told)
        big = await eat_margin(rig, name, 0.95)
        stage.say(Command.RECONCILE)
        await stage.gone("margin_hard", since)
        await cancel(rig, name, big)
        stage.say(Command.RECONCILE)
        await stage.until(lambda book: book.mode is Mode.TRADING and book.venue.account.initial_margin_usdt < 5_000)

        await stage.again()
        since = len(stage.notes.told)
        ending = next(task.approved.intent.symbol for task in stage.book.tasks.values())
        rig.world.delist(ending, rig.world.clock.now_ms() + 40 * HOUR_MS)
        await stage.refused("delisting", since)
        await stage.until(lambda book: ending not in {task.approved.intent.symbol for task in book.tasks.values()})

        await stage.again()
        since = len(stage.notes.told)
        (tmp_path / "EMERGENCY_STOP").write_text("hands off")
        await stage.gone("kill_switch", since)
        assert stage.book.mode.value == "halted"


@on_market
async def test_they_are_called_off_near_liquidation(rig, venue, tmp_path):
    async with Waiting(rig, venue, tmp_path, **{"risk.maintenance_margin_limit_pct": 5}) as stage:
        await stage.rest()
        since, name = len(stage.notes.told), max(rig.world.instruments, key=rig.price)
        await rig.post("/v5/position/set-leverage", symbol=name, buyLeverage="50", sellLeverage="50")
        await buy_by_hand(rig, name, 120_000)
        await stage.gone("liquidation_near", since)
        await stage.refused("maintenance", since)
