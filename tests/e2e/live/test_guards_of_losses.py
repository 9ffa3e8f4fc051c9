"""Guards of the core that look at equity, on the wire: the market moves, the exchange's own candles say so."""

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market
from xsmom.domain.book import Mode
from xsmom.domain.events import Command
from xsmom.engine import sentinel

DAY_MS = 86_400_000


@on_market
async def test_losses_of_the_book_block_flatten_and_latch(rig, venue, tmp_path):
    limits = {
        "risk.emergency_loss_pct": 0.5,
        "risk.max_daily_loss_pct": 1.5,
        "risk.daily_loss_base": "open",
        "risk.max_portfolio_drawdown_pct": 2.5,
        "risk.max_longterm_drawdown_pct": 2.6,
    }
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        await stage.at_rest()
        first = next(iter(stage.held()))
        async with stage.fires("emergency_loss"):
            stage.hurt(first, 0.05)
            await stage.leap()
        await stage.nothing_opens()
        assert stage.held()
        async with stage.fires("daily_loss"):
            for symbol in list(stage.held()):
                stage.hurt(symbol, 0.03)
            await stage.leap()
        await stage.until(lambda book: book.flat)
        assert stage.truth() == {}
        # To the next UTC day: it opens again.
        now_ms = rig.world.clock.now_ms()
        await stage.leap((now_ms // DAY_MS + 1) * 24 - now_ms // 3_600_000 + 1)
        await stage.until(lambda book: book.mode is Mode.TRADING)
        await stage.at_rest()
        async with stage.fires("longterm_drawdown"), stage.fires("drawdown"):
            for symbol in list(stage.held())[:2]:
                stage.hurt(symbol, 0.025)
            await stage.leap()
        await stage.until(lambda book: book.flat)
        await stage.leap()
        assert stage.book.cycle.guard_by == "drawdown"
        for guard in ("drawdown", "longterm_drawdown"):
            stage.say(Command.REARM, guard=guard)
        await stage.until_told("guard.rearmed")
        await stage.leap()
        assert stage.book.cycle.guard_by == "emergency_loss"
        assert stage.told("mode.changed").fields["mode"] == "reducing"


@on_market
async def test_losses_of_a_name_close_it_pause_it_and_are_counted(rig, venue, tmp_path):
    limits = {
        "risk.max_trade_loss_pct": 0.02,
        "notifications.monitoring.trade_loss_pct": 0.02,
        "risk.max_symbol_daily_loss_pct": 0.1,
        "risk.streak.losses": 1,
        "risk.stop_cluster.count": 2,
        "strategy.correlation_limit.enabled": True,
        "strategy.correlation_limit.max_corr": 0.05,
    }
    async with Stage(rig, venue, tmp_path, **limits) as stage:
        async with stage.fires("correlation"):
            await stage.at_rest()
        first, second, third, *_ = stage.held()
        async with stage.fires("streak"):
            stage.hurt(second, 0.08)
            stage.hurt(third, 0.08)
            await stage.until(lambda _: not {second, third} & set(stage.held()))
        async with (
            stage.fires("symbol_daily_loss"),
            stage.fires("stop_cluster"),
            stage.fires("trade_loss"),
            stage.fires("losing_trade"),
        ):
            stage.hurt(first, 0.02)
            await stage.leap()
        await stage.until(lambda _: first not in stage.held())
        assert not {second, third} & set(stage.held())
        await stage.nothing_opens()


@on_market
async def test_another_configuration_is_told_at_the_start_and_its_limits_hold(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path) as stage:
        await stage.at_rest()
    again = Stage(rig, venue, tmp_path, journal=stage.journal, **{"risk.max_cvar_pct": 0.01})
    async with again:
        await again.until_told("config.changed")
        await again.until(lambda book: book.mode is Mode.TRADING and sentinel.coverage_frac(book) == 1.0)
        held = again.held()
        async with again.fires("cvar"):
            await again.leap()
        assert set(again.held()) <= set(held)
        await again.nothing_opens()
