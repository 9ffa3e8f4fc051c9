"""Guards that look at the line, the clock and the bars, one after another on a book that would like to open."""

import asyncio

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market
from tests.e2e.simex.rig import until
from xsmom.domain.book import Mode
from xsmom.live.heartbeat import read_heartbeat

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


@on_market
async def test_while_the_line_is_bad_nothing_is_opened(rig, venue, tmp_path):
    limits = {
        "risk.venue_limits.max_api_lag_seconds": 0.15,
        "notifications.monitoring.no_trade_hours": 1,
        "risk.api_circuit_breaker.failure_rate_alert_pct": 3,
    }
    rig.world.clock.skew_ms = 10 * MINUTE_MS
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        async with stage.fires("clock_skew"):
            await stage.until(lambda book: book.cycle.decided_ms > 0)
        assert stage.told("gate.clock_skew")
        rig.world.clock.skew_ms = 0
        await stage.until(lambda book: abs(book.health.skew_ms) < MINUTE_MS)

        stage.meet(do="delay", delay_ms=250, match="/v5/", times=0)
        async with stage.fires("api_lag"):
            await stage.until_told("api.slow")
            await stage.leap()
        stage.heal()
        await stage.until(lambda book: book.health.lag_ms < 150)

        close_ms = (rig.world.clock.now_ms() // HOUR_MS + 1) * HOUR_MS
        await stage.to(close_ms - 6 * MINUTE_MS)
        async with stage.fires("breaker"), stage.fires("failure_rate"):
            stage.meet(do="http", match="/v5/market/tickers", times=0)
            await stage.until_told("breaker.tripped")
            stage.heal()
            await stage.leap()
        assert stage.told("gate.breaker").fields["blind"] is False

        async with stage.fires("no_trade"), stage.fires("drift"):
            stage.meet(do="http", match="/v5/account/wallet-balance", times=0)
            async with stage.fires("unread"):
                await stage.leap(3)
        stage.heal()
        assert stage.sent() == []

        await stage.until(lambda book: not book.venue.unread)
        now_ms = rig.world.clock.now_ms()
        async with stage.fires("exchange_maintenance"):
            rig.world.announce("upgrade", now_ms, now_ms + 10 * HOUR_MS)
        async with stage.fires("no_orders"):
            await stage.leap()
            await stage.leap(2)
        assert stage.sent() == []
        rig.world.announce("upgrade", now_ms, now_ms + 1)
        await stage.until_told("link.normal")
        await stage.nothing_opens()
        await stage.leap()
        await stage.until(lambda book: book.mode is Mode.TRADING)
        await stage.at_rest()
        assert stage.truth() == stage.held() != {}


async def leap_until_told(stage, name):
    """Go from close to close: one whose plan only reduces has no opening that could be refused."""
    since = len(stage.notes.told)
    for _ in range(6):
        await stage.leap()
        if stage.told(name, since) is not None:
            return


@on_market
async def test_late_and_missing_candles(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path, **{"risk.venue_limits.min_complete_frac": 0.9}) as stage:
        await stage.at_rest()
        name = next(iter(stage.held()))
        lots = stage.held()[name]
        stage.meet(do="http", match="/v5/market/kline", query=f"symbol={name}", times=0)
        async with stage.fires("late_candle"):
            await stage.leap()
        assert stage.book.names.stale_bars[stage.book.roster.index(name)] == 1
        assert stage.held()[name] == lots
        assert stage.protected()
        stage.heal()
        await stage.at_rest()
        for other in list(rig.world.instruments)[:4]:
            stage.meet(do="http", match="/v5/market/kline", query=f"symbol={other}", times=0)
        before = len(stage.sent())
        async with stage.fires("incomplete_bar") as row:
            await leap_until_told(stage, row.alert)
        assert len(stage.sent()) == before
        stage.heal()
        await asyncio.sleep(0)


@on_market
async def test_a_silent_stream_stops_openings(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path) as stage:
        await stage.at_rest()
        async with stage.fires("stream"):
            rig.server.hub.kill_all("private")
        await stage.until_told("stream.back")


def unwell(folder):
    """What the trader says of itself."""
    beat = read_heartbeat(folder)
    assert beat is not None
    return beat.unwell


@on_market
async def test_a_trader_that_cannot_read_its_account_says_so_in_its_heartbeat(rig, venue, tmp_path):
    """The watchdog hears it there: its own silence rules go by it."""
    async with Stage(rig, venue, tmp_path) as stage:
        await stage.at_rest()
        assert unwell(tmp_path) == ""
        stage.meet(do="http", match="/v5/position/list", times=0)
        # An account may be two hours old here: it is six minutes, in time-lapse.
        await stage.to(rig.world.clock.now_ms() + 3 * HOUR_MS)
        await until(lambda: "positions: " in unwell(tmp_path), 20.0)
        assert stage.protected()
        stage.heal()
        await until(lambda: unwell(tmp_path) == "", 20.0)
