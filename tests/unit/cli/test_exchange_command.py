"""`xsmom exchange`: what a user sees of an exchange, and what he reads when it is not there."""

from __future__ import annotations

import json

import pytest

from tests.exchange.market import HOUR_MS, START_MS, Contract
from tests.exchange.server import HTML, Fault, Server
from xsmom.cli.main import main
from xsmom.venues import wire

GONE_MS = START_MS + HOUR_MS


@pytest.fixture
def server():
    quiet = {"ticker": {"bid1Price": "", "ask1Price": ""}}
    contracts = [
        *(Contract(f"C{number:03}USDT") for number in range(50)),
        Contract("QUIETUSDT", overrides=quiet),
        Contract("GONEUSDT", status="Closed", delisted_ms=GONE_MS),
    ]
    with Server(contracts) as running:
        yield running


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(wire, "_PAUSES_S", (0.01,))


def rows_of(capsys):
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)["checks"]}


def test_check_tells_of_clock_status_and_markets(server, capsys):
    assert main(["exchange", "check", "--server", server.base_url, "--json"]) == 0
    rows = rows_of(capsys)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows["exchange markets"]["detail"] == "52 perpetuals in USDT: 51 open, 1 closed"
    assert main(["exchange", "check", "--server", server.base_url]) == 0
    assert "no interruption is announced" in capsys.readouterr().out


@pytest.mark.parametrize(("skew_ms", "word"), [(3_000, "slow"), (-3_000, "fast")])
def test_a_clock_that_is_off_is_a_warning(server, capsys, skew_ms, word):
    server.skew_ms = skew_ms
    assert main(["exchange", "check", "--server", server.base_url, "--json"]) == 0
    row = rows_of(capsys)["exchange clock"]
    assert row["status"] == "warn"
    assert word in row["detail"]


def test_an_announced_interruption_is_a_warning(server, capsys):
    told = {"id": "1", "title": "upgrade", "state": "scheduled", "begin": str(START_MS), "end": str(GONE_MS)}
    over = {**told, "title": "old news", "state": "completed"}
    server.announced = [told, over]
    assert main(["exchange", "check", "--server", server.base_url]) == 0
    out = capsys.readouterr().out
    assert "upgrade (scheduled), 2023-01-01 00:00Z to 2023-01-01 01:00Z" in out
    assert "old news" not in out


@pytest.mark.usefixtures("_impatient")
def test_an_exchange_that_is_not_there_fails_in_one_sentence(capsys):
    assert main(["exchange", "check", "--server", "http://127.0.0.1:9"]) == 1
    assert "bybit: its clock: no connection" in capsys.readouterr().out


@pytest.mark.usefixtures("_impatient")
def test_a_page_of_html_fails_in_one_sentence(server, capsys):
    server.faults.append(Fault("answer", "risk-limit", body=HTML, times=-1))
    assert main(["exchange", "markets", "--server", server.base_url]) == 11
    err = capsys.readouterr().err
    assert err.startswith("xsmom: bybit: margin tiers: answered '<!DOCTYPE html>")
    assert len(err.splitlines()) == 1


def test_markets_by_turnover(server, capsys):
    assert main(["exchange", "markets", "--server", server.base_url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["markets"]
    assert len(found) == 51
    turnover = [float(one["turnover_usdt_day"]) for one in found]
    assert turnover == sorted(turnover, reverse=True)
    quiet = next(one for one in found if one["symbol"] == "QUIETUSDT")
    assert (quiet["bid"], quiet["spread_bps"]) == (None, None)
    assert found[0]["spread_bps"] == pytest.approx(2.0, abs=0.1)


def test_all_markets_with_those_that_are_gone(server, capsys):
    assert main(["exchange", "markets", "--all", "--server", server.base_url, "--json"]) == 0
    gone = next(one for one in json.loads(capsys.readouterr().out)["markets"] if one["symbol"] == "GONEUSDT")
    assert (gone["state"], gone["delisted_ms"]) == ("closed", GONE_MS)
    assert "last" not in gone


def test_the_table_is_short_unless_all_is_asked_for(server, capsys):
    assert main(["exchange", "markets", "--server", server.base_url]) == 0
    out = capsys.readouterr().out
    assert "11 more: --all shows them" in out
    assert "GONEUSDT" not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--exchange", "mtgox"], "exchange 'mtgox' is not supported by this version: choose bybit"),
        (["--network", "moon"], "network 'moon' is not known: choose main, test or demo"),
        (["--server", "localhost:1"], "server 'localhost:1' is no address"),
    ],
)
def test_what_cannot_be_meant_is_refused(capsys, arguments, words):
    assert main(["exchange", "check", *arguments]) == 3
    assert words in capsys.readouterr().err


def test_doctor_looks_at_an_exchange_only_when_asked(server, capsys, monkeypatch):
    from xsmom.cli import exchange

    asked = []
    real = exchange.look

    def look(name, network, _server):
        asked.append(name)
        return real(name, network, server.base_url)

    monkeypatch.setattr(exchange, "look", look)
    main(["doctor", "--json"])
    assert asked == []
    capsys.readouterr()
    main(["doctor", "--exchange", "bybit", "--json"])
    assert asked == ["bybit"]
    assert {"exchange", "exchange clock", "exchange markets"} <= set(rows_of(capsys))
