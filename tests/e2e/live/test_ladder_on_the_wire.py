"""The take-profit ladder on the simulated exchange: it stands there, is taken there, and goes with its position."""

from tests.e2e.live.stage import Stage
from tests.e2e.live.test_live_process import on_market
from xsmom.domain.events import Command
from xsmom.domain.orders import Purpose

LADDER = {
    "risk.ladder.enabled": True,
    "risk.ladder.measured_in": "price_pct",
    "risk.ladder.levels": [2, 30],
    "risk.ladder.sizes": [0.5, 0.5],
    "execution.sentinel.repair_seconds": 3,
}


def rungs(stage, symbol=None):
    """Conditional orders of ours at the exchange, by symbol: lots by trigger, nearest to the market first."""
    names = list(stage.rig.world.instruments)
    found: dict[str, list] = {}
    for row in stage.rig.truth()["open_orders"]:
        if row["trigger"] is not None and row["client_id"].startswith("xm"):
            found.setdefault(names[row["symbol"]], []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row["trigger"]["ticks"], reverse=rows[0]["lots"] > 0)
    return found if symbol is None else found.get(symbol, [])


def fits(stage):
    """Every position has both rungs, of the right side and size."""
    held, standing = stage.held(), rungs(stage)
    return bool(held) and all(
        [row["lots"] * stage.side(name) for row in standing.get(name, [])] == [-(abs(lots) // 2)] * 2
        for name, lots in held.items()
    )


@on_market
async def test_rungs_stand_are_taken_there_come_back_and_go(rig, venue, tmp_path):
    async with Stage(rig, venue, tmp_path, **LADDER) as stage:
        await stage.at_rest()
        await stage.until(lambda _: fits(stage))
        assert all(row["reduce_only"] for rows in rungs(stage).values() for row in rows)
        # The price goes their way: the exchange takes the first rung, and nobody here does.
        name, lots = next(iter(stage.held().items()))
        stage.hurt(name, -0.03)
        await stage.until(lambda _: stage.held().get(name) == lots - stage.side(name) * (abs(lots) // 2))
        at = stage.book.roster.index(name)
        await stage.until(lambda book: book.positions["rungs_hit"][at] == 1 and not book.tasks)
        assert stage.truth() == stage.held()
        approved = [note.fields for note in stage.notes.named("order.approved") if note.fields["symbol"] == name]
        assert not [one for one in approved if one["purpose"] == Purpose.EXIT.value]
        assert len(rungs(stage, name)) == 1
        # Somebody takes the other one away: it alone comes back, after a while.
        (left,) = rungs(stage, name)
        await venue.cancel(name, left["client_id"])
        await stage.until_told("rung.missing")
        await stage.until(lambda _: len(rungs(stage, name)) == 1)
        (again,) = rungs(stage, name)
        assert again["client_id"] != left["client_id"]
        assert (again["lots"], again["trigger"]["ticks"]) == (left["lots"], left["trigger"]["ticks"])
        # A process that dies leaves them; the next one knows them.
        journal = stage.journal
        await stage.kill()
        before = sorted(row["client_id"] for rows in rungs(stage).values() for row in rows)
    async with Stage(rig, venue, tmp_path, journal=journal, **LADDER) as stage:
        await stage.until(lambda book: book.mode.value == "trading" and book.venue.orders_ms >= book.started_ms)
        await stage.until(lambda book: not any(one.doubted_ms for one in book.orders.values()))
        assert sorted(row["client_id"] for rows in rungs(stage).values() for row in rows) == before
        stage.say(Command.FLATTEN)
        await stage.until(lambda book: book.flat)
        await stage.until(lambda _: not rungs(stage))
        assert stage.truth() == {}
