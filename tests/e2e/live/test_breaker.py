"""The breaker through the wire: an exchange that fails is asked less, nothing is entered, and stops go through."""

from __future__ import annotations

from collections import Counter

from tests.e2e.live.test_live_process import on_market
from tests.e2e.live.trader import Trader, settled
from tests.e2e.simex.test_port import meet
from xsmom.engine import sentinel

TICKERS, STOP = "/v5/market/tickers", "/v5/position/trading-stop"


def asked(rig) -> Counter[str]:
    """Count what the exchange is asked from now on, by path."""
    seen: Counter[str] = Counter()
    find = rig.world.faults.find

    def note(where, when, client_id="", query=""):
        if when == "before":
            seen[where] += 1
        return find(where, when, client_id, query)

    rig.world.faults.find = note
    return seen


@on_market
async def test_it_trips_slows_protects_probes_and_closes(rig, venue, tmp_path):
    cooldown = {"risk.api_circuit_breaker.cooldown_seconds": 120}
    async with Trader(rig, venue, tmp_path, **cooldown) as trader:
        trader.process.link._spacing_s = 60.0  # in time-lapse the usual spacing could not be told from none
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        meet(rig, do="html200", match=TICKERS, times=20)
        await trader.until(lambda book: book.health.breaker_until_ms > 0)
        assert trader.process.link.held
        assert trader.book.mode.value == "trading"
        seen = asked(rig)
        # Somebody takes a stop away: it is put back though the breaker is open.
        symbol = next(name for name, lots in trader.held().items() if lots > 0)
        account = {"account": 0, "symbol": rig.world.symbol_number(symbol)}
        off = {"stop_loss_ticks": 0, "stop_loss_by": "mark", "take_profit_ticks": 0, "take_profit_by": "mark"}
        rig.world.command({"do": "set_stops", **account, **off})
        assert not trader.protected()
        await trader.until(lambda _book: trader.protected())
        assert seen[STOP] >= 1
        assert trader.process.link.held, "the stop went out while the breaker was open"
        await trader.until(lambda book: not book.health.breaker_until_ms)
        assert seen[TICKERS] <= 3, "prices were asked for once a second before, and the breaker was open for six"
        assert not trader.process.link.held
        names = [note.name for note in trader.notes.told]
        assert [one for one in names if one.startswith("breaker.")][:1] == ["breaker.tripped"]
        assert [one for one in names if one.startswith("breaker.")][-2:] == ["breaker.probed", "breaker.closed"]
