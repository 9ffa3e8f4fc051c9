"""Plan, preflight and the bounds of size on the simulated exchange, through the unmodified client."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

import xsmom as xs
from tests.e2e.live.test_live_process import on_market
from tests.e2e.live.trader import SPEED, Trader, settled
from tests.unit.cli.test_permit import write as write_report
from xsmom.cli.finding import Status
from xsmom.cli.preflight import judge
from xsmom.cli.preflight_case import Asked, gather_case
from xsmom.cli.size_options import size_overrides
from xsmom.engine import sentinel
from xsmom.live.outlook import look_ahead
from xsmom.live.rehearsal import rehearse
from xsmom.live.wiring import Start
from xsmom.store.opening import open_journal
from xsmom.store.rules import StoreRules

HOUR_MS = 3_600_000
CLASSIC: dict[str, object] = {"universe.exclude": []}


def approved(notes) -> dict[str, int]:
    """Lots by client order id."""
    return {
        one.fields["client_order_id"]: one.fields["lots"]
        for one in notes
        if one.name == "order.approved" and one.fields["purpose"] != "protect"
    }


def by_symbol(notes) -> dict[str, int]:
    return {one.fields["symbol"]: one.fields["lots"] for one in notes if one.name == "order.approved"}


def untouched(rig) -> str:
    """Everything of the account that a command could change."""
    truth = rig.truth()
    return json.dumps({name: truth[name] for name in ("positions", "open_orders", "closed_orders")}, default=str)


@on_market
async def test_plan_shows_the_lots_that_the_first_start_then_sends(rig, venue, tmp_path):
    trader = Trader(rig, venue, tmp_path)
    before = untouched(rig)
    rehearsal = await rehearse(venue, trader.setting, None, trader.process.clock, running=False, forming=False)
    outlook = look_ahead(rehearsal, trader.setting.config.costs(), await venue.fees())
    assert untouched(rig) == before
    planned = {row.symbol: leg.lots for row in outlook.rows for leg in row.legs}
    assert len(planned) == 4
    assert planned == by_symbol(rehearsal.notes)
    async with trader:
        await trader.until(settled)
        assert by_symbol(trader.notes.told) == planned
        assert trader.held() == planned
    # What was foretold of cost and stop is what came.
    totals = outlook.totals
    fees = sum(one.fields["fee_usdt"] for one in trader.notes.named("order.filled"))
    assert totals["cost_usdt"] > fees > 0.5 * totals["cost_usdt"]
    stops = {row["symbol"]: row["stop_loss_ticks"] for row in rig.truth()["positions"] if row["lots"]}
    names = list(rig.world.instruments)
    for row in outlook.rows:
        (leg,) = row.legs
        tick = float(rig.world.instruments[row.symbol].price_tick)
        assert leg.stop_price == pytest.approx(stops[names.index(row.symbol)] * tick, rel=5e-3)


@on_market
async def test_plan_obeys_the_kill_switch_before_anything_else(rig, venue, tmp_path):
    trader = Trader(rig, venue, tmp_path)
    trader.setting.stop_file.write_text("not today")
    rehearsal = await rehearse(venue, trader.setting, None, trader.process.clock, running=False, forming=False)
    outlook = look_ahead(rehearsal, trader.setting.config.costs(), {})
    assert "not today" in outlook.head["mode_why"]
    assert outlook.totals["orders"] == 0
    assert trader.setting.stop_file.exists()
    # A position of somebody else keeps a first start from trading, and the plan says which.
    trader.setting.stop_file.unlink()
    await rig.buy("0.01")
    rehearsal = await rehearse(venue, trader.setting, None, trader.process.clock, running=False, forming=False)
    outlook = look_ahead(rehearsal, trader.setting.config.costs(), {})
    assert outlook.head["mode"] == "halted"
    assert any(line.startswith("R2 BTCUSDT") for line in outlook.head["mismatches"])
    assert outlook.totals["orders"] == 0


@on_market
async def test_plan_of_a_stopped_trader_names_the_very_orders_of_its_next_start(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        journal, setting = trader.journal, trader.setting
    # Some bars on, so that there is something to do.
    at_ms = rig.world.clock.now_ms() // HOUR_MS * HOUR_MS
    for hours in range(1, 30):
        await rig.world.advance(at_ms + hours * HOUR_MS + 2_000)
        rehearsal = await rehearse(
            venue, setting, journal.newest_book(), trader.process.clock, running=False, forming=False
        )
        # Entries beside positions: what a start that has not seen its stops yet would refuse.
        if any(not one.fields["reduce_only"] for one in rehearsal.notes if one.name == "order.approved"):
            break
    planned = approved(rehearsal.notes)
    assert len(planned) >= 2
    assert not [one for one in rehearsal.notes if one.name == "order.refused"]
    seq = journal.last_seq
    again = Trader(rig, venue, tmp_path, journal=journal)
    async with again:
        assert journal.last_seq == seq
        await again.until(lambda book: book.cycle.decided_ms == rehearsal.close_ms)
        told = approved(again.notes.told)
        assert {name: lots for name, lots in told.items() if name in planned} == planned
        assert set(told) == set(planned)


@on_market
async def test_plan_beside_a_running_trader_looks_at_the_bar_that_forms(rig, venue, tmp_path):
    async with Trader(rig, venue, tmp_path) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        book, held = trader.book, trader.truth()
        rehearsal = await rehearse(venue, trader.setting, book, trader.process.clock, running=True, forming=True)
        outlook = look_ahead(rehearsal, trader.setting.config.costs(), {})
        assert rehearsal.close_ms == book.cycle.closed_ms + HOUR_MS
        assert outlook.head["decided"]
        assert outlook.head["mode"] == "trading"
        assert {row.symbol: row.lots for row in outlook.rows if row.lots} == held
        assert trader.truth() == held
        last = rehearsal.window.close[-1]
        quotes = await venue.quotes()
        for at, name in enumerate(book.roster.symbols):
            assert last[at] == pytest.approx(float(quotes[name].last), rel=0.05)
        json.dumps(outlook.document(), default=str)


@on_market
async def test_bounds_of_size_are_obeyed_and_outlive_a_restart(rig, venue, tmp_path):
    given = {"live.ramp_days": 5, "live.capital_usdt": 4_000, "execution.max_order_usdt": 75}
    async with Trader(rig, venue, tmp_path, **given) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        book = trader.book
        since_ms = book.limits.ramp_since_ms
        values = abs(book.lots * book.roster.qty_step * book.names.mark)
        # A fifth of 4,000 at a tenth is 80: the largest order is smaller.
        assert values.max() <= 75.0 * 1.02
        assert values.sum() > 4 * 40.0
        vetoes = {veto for note in trader.notes.named("order.approved") for veto in note.fields["vetoes"]}
        assert vetoes == {"ramp", "order_size"}
        started = trader.notes.named("process.started")[0].fields
        assert (started["capital_usdt"], started["order_usdt_max"]) == (4_000.0, 75.0)
    await rig.world.advance(rig.world.clock.now_ms() // HOUR_MS * HOUR_MS + 30 * HOUR_MS + 2_000)
    # The options are forgotten: what they said is not.
    again = Trader(rig, venue, tmp_path, journal=trader.journal)
    async with again:
        await again.until(lambda book: book.cycle.decided_ms > trader.book.cycle.decided_ms and not book.tasks)
        limits = again.book.limits
        assert (limits.capital_usdt, limits.order_usdt_max, limits.ramp_since_ms) == (4_000.0, 75.0, since_ms)
        assert limits.ramp_frac(again.book.as_of_ms) == pytest.approx(0.1 + 0.9 * 30 / 120, abs=0.02)
        assert all(abs(one.request.lots) for one in again.book.orders.values())
        weights = abs(again.book.lots * again.book.roster.qty_step * again.book.names.mark)
        assert weights.max() < 0.2 * 4_000 * 0.4
    lifted = Trader(rig, venue, tmp_path, journal=trader.journal, **{"live.ramp_days": 0, "live.capital_usdt": None})
    async with lifted:
        await lifted.until(lambda book: book.limits.capital_usdt is None and book.mode.value == "trading")
        assert lifted.book.limits.order_usdt_max == 75.0
        assert lifted.book.limits.ramp_frac(lifted.book.as_of_ms) == 1.0


class Ground:
    """An operator who asks whether live would start."""

    def __init__(self, rig, venue, folder) -> None:
        self.rig, self.venue, self.folder = rig, venue, folder
        self.given = {**CLASSIC, "live.state_dir": str(folder / "state")}
        self.given["risk.kill_switch.file"] = str(folder / "STOP")
        self.reported = xs.load_config("classic", self.given)
        write_report(folder / "runs", self.reported, cost=0.2, now=datetime.now(UTC))

    async def ask(self, *, lapse=SPEED, adopt=False, ignore=(), **settings):
        """Findings by name."""
        asked = self.asked(lapse=lapse, adopt=adopt, ignore=ignore, **settings)
        return {row.name: row for row in judge(await gather_case(asked, self.venue))}

    def asked(self, *, lapse=SPEED, adopt=False, ignore=(), **settings) -> Asked:
        config = xs.load_config("classic", {**self.given, **settings})
        start = Start(config, "live", (), None, lapse, adopt, tuple(ignore))
        return Asked(start, self.folder / "runs", datetime.now(UTC))

    async def failed(self, **asked) -> set[str]:
        return {name for name, row in (await self.ask(**asked)).items() if row.status is Status.FAIL}


@pytest.fixture
def plain_doctor(monkeypatch):
    """This machine is not what is asked about."""
    monkeypatch.setattr("xsmom.cli.preflight_checks.run_checks", lambda *_, **__: [])


@pytest.mark.usefixtures("plain_doctor")
@on_market
async def test_preflight_passes_on_a_good_account_and_names_each_bad_one(rig, venue, tmp_path):
    ground = Ground(rig, venue, tmp_path)
    before = untouched(rig)
    good = await ground.ask()
    assert {name: row for name, row in good.items() if row.status is Status.FAIL} == {}
    assert "turnover 500x a year, cost 20.0% of equity a year, about 2,000 USDT" in good["cost"].detail
    assert "10,000.00 USDT" in good["account"].detail
    # The key.
    rig.key.can_withdraw = True
    assert await ground.failed() == {"key"}
    assert "can withdraw" in (await ground.ask())["key"].detail
    rig.key.can_withdraw, rig.key.can_trade = False, False
    assert await ground.failed() == {"key"}
    rig.key.can_trade = True
    # The report: another strategy, and another fee tier.
    assert await ground.failed(**{"strategy.gross_leverage": 1.1}) == {"report"}
    assert await ground.failed(**{"execution.style": "limit", "live.ramp_days": 3}) == set()
    maker, taker = rig.world.fees
    rig.world.fees = (maker, taker * 2)
    dear = await ground.ask()
    assert (dear["fees"].status, dear["cost"].status) == (Status.WARN, Status.FAIL)
    assert "cost 47.5% of equity a year (20.0% at the fees of the configuration)" in dear["cost"].detail
    rig.world.fees = (maker, taker)
    # Size, clock, database, kill switch.
    small = await ground.ask(**{"live.capital_usdt": 20})
    assert small["capital"].status is Status.FAIL
    assert "12 of 12 names too small" in small["capital"].detail
    assert await ground.failed(lapse=1.0) == {"clock"}
    assert await ground.failed(**{"universe.whitelist": ["BTCUSDT", "NONEUSDT"]}) >= {"universe"}
    journal = open_journal(StoreRules.of(ground.reported), tmp_path / "state", "bybit:1", rig.world.clock)
    assert await ground.failed() == {"database", "account"}
    journal.close()
    assert await ground.failed() == {"account"}
    (tmp_path / "state/journal.sqlite3").unlink()
    (tmp_path / "STOP").write_text("no")
    assert (await ground.ask())["kill switch"].status is Status.WARN
    assert untouched(rig) == before


@pytest.mark.usefixtures("plain_doctor")
@on_market
async def test_preflight_sees_what_else_lives_in_the_account(rig, venue, tmp_path):
    ground = Ground(rig, venue, tmp_path)
    rig.world.modes.put(0, hedge=True, isolated=True)
    hedged = await ground.ask()
    rig.world.modes.put(0, hedge=False, isolated=False)
    assert hedged["modes"].status is Status.WARN
    assert "in hedge mode" in hedged["modes"].detail
    await rig.buy("0.01")
    assert await ground.failed() == {"positions"}
    assert (await ground.ask())["positions"].mend.endswith("--ignore BTCUSDT")
    assert await ground.failed(ignore=["BTCUSDT"]) == set()
    assert (await ground.ask(adopt=True))["positions"].status is Status.WARN
    # A position of one side of two can be read as none that we know: both lines say so.
    rig.world.modes.put(0, hedge=True, isolated=False)
    assert await ground.failed(adopt=True) == {"exchange", "modes"}
    rig.world.modes.put(0, hedge=False, isolated=True)
    assert await ground.failed(adopt=True) == {"modes"}
    rig.world.modes.put(0, hedge=False, isolated=False)
    resting = {"orderType": "Limit", "price": rig.on_tick(0.9), "orderLinkId": "somebody"}
    await rig.buy("0.01", **resting)
    assert (await ground.ask(adopt=True))["orders"].status is Status.WARN


@pytest.mark.usefixtures("plain_doctor")
@on_market
async def test_preflight_knows_the_positions_of_its_own_journal(rig, venue, tmp_path):
    ground = Ground(rig, venue, tmp_path)
    account = f"bybit:{(await venue.key()).account}"
    journal = open_journal(StoreRules.of(ground.reported), tmp_path / "state", account, rig.world.clock)
    async with Trader(rig, venue, tmp_path / "state", journal=journal, **{"live.ramp_days": 5}) as trader:
        await trader.until(lambda book: settled(book) and sentinel.coverage_frac(book) == 1.0)
        assert await ground.failed() == {"database"}
    journal.close()
    found = await ground.ask()
    assert found["positions"].detail == "4 held, all known"
    assert found["bounds"].detail.startswith("full size at 10%")
    assert not [row for row in found.values() if row.status is Status.FAIL]
    # A book in hand is not left alone because its report has aged, nor for a fee that went up.
    maker, taker = rig.world.fees
    rig.world.fees = (maker, taker * 2)
    assert (await ground.ask())["cost"].status is Status.WARN
    rig.world.fees = (maker, taker)
    await rig.buy("0.01", symbol="BTCUSDT")
    assert (await ground.ask())["positions"].status is Status.WARN


def test_the_options_and_the_settings_say_the_same() -> None:
    by_option = xs.load_config("classic", size_overrides("5d", "4000", "75"))
    assert by_option.value("live.ramp_days") == 5
    assert by_option.value("live.capital_usdt") == 4_000
    assert by_option.value("execution.max_order_usdt") == 75


def test_an_exchange_that_does_not_answer_is_a_line_too(tmp_path, monkeypatch) -> None:
    from xsmom.cli.preflight import examine

    monkeypatch.setenv("XSMOM__EXCHANGE__API_KEY", "kkkkkkkk")
    monkeypatch.setenv("XSMOM__EXCHANGE__API_SECRET", "ssssssss")
    monkeypatch.setattr("xsmom.venues.wire._PAUSES_S", ())
    config = xs.load_config("classic", {"exchange.base_url": "http://127.0.0.1:9", "live.state_dir": str(tmp_path)})
    asked = Asked(Start(config, "live", ()), tmp_path, datetime.now(UTC))
    found = {row.name: row for row in examine(asked)}
    assert found["exchange"].status is Status.FAIL
    assert found["database"].status is Status.OK
