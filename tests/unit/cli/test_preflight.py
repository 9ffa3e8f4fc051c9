"""Single lines of the preflight on facts of our own; tests/e2e/live/test_first_week.py has the exchange's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import xsmom as xs
from tests.unit.cli.played import Played
from xsmom.cli import preflight_account as account
from xsmom.cli import preflight_checks as here
from xsmom.cli.finding import Finding, Status
from xsmom.cli.main import main
from xsmom.cli.preflight import examine, refuse_failed
from xsmom.cli.preflight_case import Asked, Case, Facts, local_case
from xsmom.domain.contracts import make_instruments
from xsmom.domain.market_data import ClockSight, Quote
from xsmom.domain.trading import AccountView, KeyFacts, ModeReport, Snapshot
from xsmom.errors import ConfigError
from xsmom.lake.sample import SampleMarket
from xsmom.live.wiring import Start

NOW = datetime(2026, 1, 31, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1_000)
DAY_MS = 86_400_000
NAMES = tuple(
    replace(one, qty_step=Decimal("0.01"), lots_min=1, notional_usdt_min=Decimal(5))
    for one in make_instruments(SampleMarket(symbols=12, bars=5, seed=1, churn=False).build()).values()
)
ZERO = Decimal(0)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Case]:
    """A case in which all is well, with settings and facts of one's own."""
    monkeypatch.chdir(tmp_path)

    def build(given: dict[str, object] | None = None, *, lapse: float = 1.0, **facts: Any) -> Case:
        config = xs.load_config("classic", given or {})
        case = local_case(Asked(Start(config, "live", (), None, lapse), tmp_path / "runs", NOW))
        case.names = NAMES
        case.facts = replace(good(), **facts)
        return case

    return build


def good() -> Facts:
    money = Decimal(10_000)
    price = Decimal(100)
    quotes = {
        one.symbol: Quote(one.symbol, NOW_MS, price, price, price, price, price, money, ZERO, NOW_MS) for one in NAMES
    }
    return Facts(
        key=KeyFacts(True, False, False, True, NOW_MS + 90 * DAY_MS, "7"),
        account=AccountView(money, money, money, ZERO, ZERO, ZERO, NOW_MS),
        positions=Snapshot((), NOW_MS),
        orders=Snapshot((), NOW_MS),
        fees={one.symbol: (Decimal("0.0002"), Decimal("0.00055")) for one in NAMES},
        instruments={one.symbol: one for one in NAMES},
        quotes=quotes,
        modes=ModeReport(unchanged=("margin mode",)),
        clock=ClockSight(NOW_MS, 20.0),
        bars=(True, True),
    )


def only(check, case: Case) -> Finding:
    (found,) = check(case)
    return found


def key(**changed: Any) -> KeyFacts:
    known = good().key
    assert known is not None
    return replace(known, **changed)


@pytest.mark.parametrize(
    ("facts", "status", "said"),
    [
        ({}, Status.OK, "bound to an address"),
        ({"ip_bound": False}, Status.WARN, "any address"),
        ({"can_withdraw": True}, Status.FAIL, "can withdraw"),
        ({"can_trade": False, "read_only": True}, Status.FAIL, "cannot trade"),
        ({"expires_ms": NOW_MS - 1}, Status.FAIL, "expired"),
        ({"expires_ms": NOW_MS + DAY_MS}, Status.WARN, "it expires"),
        ({"expires_ms": None}, Status.OK, "trades"),
    ],
)
def test_key(make, facts, status, said) -> None:
    found = next(account.check_key(make(key=key(**facts))))
    assert found.status is status
    assert said in found.detail


@pytest.mark.parametrize(
    ("skew_ms", "error_ms", "status"),
    [
        (0.0, 20.0, Status.OK),
        (300.0, 20.0, Status.OK),
        (600.0, 20.0, Status.WARN),
        (-600.0, 20.0, Status.WARN),
        (1_500.0, 20.0, Status.FAIL),
        (-1_500.0, 20.0, Status.FAIL),
        # What the line cannot tell apart is no proof.
        (1_010.0, 20.0, Status.WARN),
    ],
)
def test_clock(make, skew_ms, error_ms, status) -> None:
    found = only(account.check_clock, make(skew_ms=skew_ms, clock=ClockSight(NOW_MS, error_ms)))
    assert found.status is status
    assert ("slow" if skew_ms > 0 else "fast") in found.detail
    assert only(account.check_clock, make(lapse=20.0, skew_ms=1e9)).status is Status.OK


def test_what_was_not_told_is_no_good_news(make) -> None:
    unread = {"clock": "no answer", "key": "no answer", "modes": "no answer", "bars": "no answer"}
    case = make(clock=None, key=None, modes=None, bars=None, unread=unread)
    for check in (account.check_clock, account.check_key, account.check_modes, here.check_history):
        found = only(check, case)
        assert (found.status, found.detail) == (Status.FAIL, "no answer")
    for name in ("instruments", "quotes", "account", "positions", "orders"):
        lost = only(account.check_exchange, make(unread={name: "no answer"}))
        assert lost.status is Status.FAIL
        assert name in lost.detail
    assert only(account.check_fees, make(fees=None, unread={"fees": "no answer"})).status is Status.WARN


def test_an_interruption_is_told(make) -> None:
    found = only(account.check_exchange, make(interruption="maintenance until noon"))
    assert (found.status, found.detail) == (Status.WARN, "maintenance until noon")


def test_modes(make) -> None:
    isolated = ModeReport(changed=("margin mode", "leverage A", "leverage B"))
    found = only(account.check_modes, make(modes=isolated))
    assert found.status is Status.OK
    assert "the start sets leverage of 2 names and margin mode" in found.detail
    busy = Snapshot((good(),), NOW_MS)  # whatever it is: something is open
    assert only(account.check_modes, make(modes=isolated, orders=busy)).status is Status.FAIL
    assert only(account.check_modes, make(modes=isolated, positions=None)).status is Status.FAIL


def test_names_without_a_quote(make) -> None:
    quotes = dict(good().quotes)
    gone = NAMES[0].symbol
    del quotes[gone]
    found = only(account.check_universe, make(quotes=quotes))
    assert found.status is Status.WARN
    assert f"without quotes {gone}" in found.detail


def test_history(make) -> None:
    assert only(here.check_history, make()).status is Status.OK
    assert only(here.check_history, make(bars=(False, True))).status is Status.WARN
    assert only(here.check_history, make(bars=(False, False))).status is Status.FAIL
    assert only(here.check_history, make(bars=(True, False))).status is Status.FAIL


def test_rate(make) -> None:
    assert only(here.check_rate, make()).status is Status.OK
    slow = {"exchange.requests_per_second": 1.0, "live.bar_grace_seconds": 10}
    found = only(here.check_rate, make(slow))
    assert found.status is Status.WARN
    assert "12 bars at 1 requests a second take 12 s, 10 s are waited" in found.detail
    assert only(here.check_rate, make({**slow, "exchange.requests_per_second": 2.0})).status is Status.OK


def test_style(make) -> None:
    maker = {"costs.maker_fill_ratio": 0.5}
    assert only(here.check_style, make(maker)).status is Status.OK
    assert only(here.check_style, make({**maker, "execution.style": "market"})).status is Status.WARN
    assert only(here.check_style, make({"execution.style": "market"})).status is Status.OK


@pytest.mark.parametrize(
    ("free_bytes", "status"),
    [(50_000_000_000, Status.OK), (1_000_000_000, Status.WARN), (1_000_000, Status.FAIL)],
)
def test_disk(make, monkeypatch, free_bytes, status) -> None:
    usage = shutil.disk_usage(Path.cwd())._replace(free=free_bytes)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert only(here.check_disk, make()).status is status


def test_capital_says_the_least_equity_that_would_do(make) -> None:
    """Twelve names of one kind: the mend is the very amount from which on they can be traded."""
    case = make({"live.capital_usdt": 20})
    (found, *_) = here.check_capital(case)
    assert found.status is Status.FAIL
    least = float(found.mend.split("at least ")[1].split(" USDT")[0].replace(",", ""))
    for capital, status in ((least * 0.9, Status.FAIL), (least * 1.01, Status.OK)):
        (found, *_) = here.check_capital(make({"live.capital_usdt": capital}))
        assert (found.status is Status.FAIL) is (status is Status.FAIL)
    assert next(here.check_capital(make())).status is Status.OK


def test_a_ramp_that_begins_too_small_is_told(make) -> None:
    found = {row.name: row for row in here.check_capital(make({"live.capital_usdt": 100, "live.ramp_days": 5}))}
    assert found["capital"].status is Status.OK
    assert found["ramp"].status is Status.WARN
    assert "at 10% of full size" in found["ramp"].detail
    assert "ramp" not in {row.name for row in here.check_capital(make({"live.ramp_days": 5}))}


def test_doctor_is_part_of_it(make, monkeypatch) -> None:
    bad = Finding("secrets", Status.FAIL, ".env has mode 0644", "chmod 600 .env")
    monkeypatch.setattr(here, "run_checks", lambda *_, **__: [bad])
    found = only(here.check_doctor, make())
    assert (found.status, found.mend) == (Status.FAIL, "chmod 600 .env")


def test_a_held_book_goes_on_under_conditions_that_no_start_would_get(trader: Played, monkeypatch) -> None:
    """Doctor and capital too: what is held is worse off without its trader."""
    journal = {"live.state_dir": str(trader.folder / "state/paper")}
    config = xs.load_config(str(trader.folder / "config.yaml"), {**journal, "live.capital_usdt": 5})
    case = local_case(Asked(Start(config, "live", ()), trader.folder / "runs", NOW))
    case.names, case.facts = NAMES, good()
    assert case.journal is not None
    assert case.holding
    monkeypatch.setattr(here, "run_checks", lambda *_, **__: [Finding("disk", Status.FAIL, "full", "make room")])
    assert only(here.check_doctor, case).status is Status.WARN
    assert next(here.check_capital(case)).status is Status.WARN
    # Its trader lives in this very process, and holds the journal.
    assert only(here.check_database, case).status is Status.FAIL
    foreign = list(account.check_foreign(case))
    assert {row.name: row.status for row in foreign}["positions"] is Status.OK


def test_live_refuses_by_the_first_line_that_fails() -> None:
    lines = [Finding("a", Status.OK, "well"), Finding("b", Status.FAIL, "broken", "mend it")]
    with pytest.raises(ConfigError, match=r"^b: broken: mend it$"):
        refuse_failed(lines)
    with pytest.raises(ConfigError, match="and 1 more"):
        refuse_failed([*lines, Finding("c", Status.FAIL, "too", "")])
    refuse_failed(lines[:1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("API_KEY", "API_SECRET", "BASE_URL"):
        monkeypatch.delenv(f"XSMOM__EXCHANGE__{name}", raising=False)
    (tmp_path / "config.yaml").write_text("strategy: {timeframe: 1h}\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_without_a_key_it_tells_what_can_be_told(capsys) -> None:
    assert main(["preflight", "--config", "config.yaml", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    found = {row["name"]: row["status"] for row in told["checks"]}
    assert told["ok"] is False
    assert (found["key"], found["report"], found["database"]) == ("fail", "fail", "ok")
    assert main(["preflight", "--config", "config.yaml"]) == 1
    assert "live would not start" in capsys.readouterr().out


def test_live_runs_the_same_list(folder, capsys) -> None:
    assert main(["live", "--config", "config.yaml", "--capital", "2000"]) == ConfigError.exit_code
    told = capsys.readouterr()
    assert "report: runs holds no report of this very configuration" in told.err
    assert "bounds: no ramp, sized by 2,000 USDT" in told.out
    assert not (folder / "state").exists()


def test_a_configuration_that_is_not_valid_is_a_line(folder, capsys) -> None:
    (folder / "config.yaml").write_text("strategy: {timeframe: soon}\n")
    assert main(["preflight", "--config", "config.yaml", "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["checks"]
    assert (row["name"], row["status"]) == ("config", "fail")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["preflight", "live", "plan"])
def test_an_option_that_makes_no_sense_gets_one_sentence(capsys, command) -> None:
    assert main([command, "--config", "config.yaml", "--ramp", "soon"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "is no ramp: write days, such as 5d" in line


def test_nothing_is_asked_of_an_exchange_without_a_key(folder) -> None:
    config = xs.load_config("config.yaml")
    names = {row.name for row in examine(Asked(Start(config, "live", ()), folder / "runs", NOW))}
    assert "exchange" not in names
