"""`xsmom exchange account|positions|orders|fees`: an account as a user sees it, and where its settings act."""

from __future__ import annotations

import json

import pytest

from tests.exchange.account import API_KEY, API_SECRET, Account, order, position
from tests.exchange.market import Contract
from tests.exchange.server import Fault, Server
from xsmom.cli.exchange_account import reached
from xsmom.cli.main import main
from xsmom.redaction import forget_secrets
from xsmom.venues import wire
from xsmom.venues.exchange_table import Network


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setattr(wire, "_PAUSES_S", (0.01,))
    monkeypatch.setenv("XSMOM__EXCHANGE__API_KEY", API_KEY)
    monkeypatch.setenv("XSMOM__EXCHANGE__API_SECRET", API_SECRET)
    yield
    forget_secrets()


@pytest.fixture
def server(monkeypatch):
    with Server([Contract("AAAUSDT"), Contract("BBBUSDT")], account=Account()) as running:
        monkeypatch.setenv("XSMOM__EXCHANGE__BASE_URL", running.base_url)
        running.account.rows["/v5/position/list"] = [position(stopLoss="30.0001"), position("BBBUSDT", side="Buy")]
        running.account.rows["/v5/order/realtime"] = [
            order(1),
            order(2, orderStatus="Untriggered", stopOrderType="StopLoss", triggerPrice="9.5", triggerBy="MarkPrice",
                  triggerDirection=2, orderType="Market", side="Sell", reduceOnly=True),
        ]  # fmt: skip
        yield running


def told(capsys, *arguments):
    assert main(["exchange", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_account(server, capsys):
    document = told(capsys, "account")
    assert document["account"]["equity_usdt"] == "1012.5"
    assert document["key"]["can_withdraw"] is False
    server.account.permissions["Wallet"] = ["Withdraw"]
    assert main(["exchange", "account"]) == 0
    assert "yes: make one that may not" in capsys.readouterr().out


def test_positions(server, capsys):
    first, second = told(capsys, "positions")["positions"]
    assert (first["symbol"], first["size"], first["stop_loss"]) == ("AAAUSDT", "-30.0", "30.0001")
    assert second["stop_loss"] is None
    assert main(["exchange", "positions"]) == 0
    assert "none" in capsys.readouterr().out
    server.account.rows["/v5/position/list"] = []
    assert main(["exchange", "positions"]) == 0
    assert "no position is open" in capsys.readouterr().out


def test_orders(server, capsys):
    working, stop = told(capsys, "orders")["orders"]
    assert (working["price"], working["state"]) == ("12.3456", "working")
    assert (stop["trigger"], stop["trigger_by"], stop["of_position"]) == ("9.5000", "mark", True)
    assert main(["exchange", "orders"]) == 0
    assert "9.5000 by mark" in capsys.readouterr().out
    server.account.rows["/v5/order/realtime"] = []
    assert main(["exchange", "orders"]) == 0
    assert "no order is open" in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_fees(capsys):
    assert told(capsys, "fees")["fees"] == {"AAAUSDT": {"maker_frac": "0.0002", "taker_frac": "0.00055"}}
    assert main(["exchange", "fees"]) == 0
    assert "5.50000" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["account", "positions", "orders", "fees"])
def test_nothing_is_changed_by_looking(server, command):
    assert main(["exchange", command]) == 0
    assert server.account.mutations == []


def test_without_a_key_the_mend_is_told(server, capsys, monkeypatch):
    monkeypatch.delenv("XSMOM__EXCHANGE__API_SECRET")
    assert main(["exchange", "account"]) == 3
    assert "set XSMOM__EXCHANGE__API_KEY and XSMOM__EXCHANGE__API_SECRET in the environment" in capsys.readouterr().err
    assert server.calls("/v5/account") == []


@pytest.mark.usefixtures("server")
def test_a_key_that_is_refused_is_told_and_not_shown(capsys, monkeypatch):
    monkeypatch.setenv("XSMOM__EXCHANGE__API_SECRET", "wrong-secret-123")
    assert main(["--debug", "exchange", "account"]) == 15
    out, err = capsys.readouterr()
    assert "Error sign" in err
    assert "wrong-secret-123" not in out + err
    assert API_KEY not in out + err


def test_an_exchange_in_trouble_is_one_sentence(server, capsys):
    server.faults.append(Fault("answer", "position/list", status=502, times=-1))
    assert main(["exchange", "positions"]) == 11
    assert capsys.readouterr().err.startswith("xsmom: bybit: positions: HTTP 502")


def test_the_settings_of_the_exchange_act(tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"
    file.write_text("exchange:\n  testnet: true\n  requests_per_second: 7\n  recv_window_ms: 2500\n")
    way = reached(file, None, None)
    assert (way.network, way.requests_per_second, way.recv_window_ms) == (Network.TEST, 7, 2500)
    assert way.keys is not None
    assert (way.base_url, way.keys.api_key.get_secret_value()) == (None, API_KEY)
    assert reached(file, "demo", None).network is Network.DEMO
    monkeypatch.setenv("XSMOM__EXCHANGE__BASE_URL", "http://127.0.0.1:1")
    assert reached(None, None, None).base_url == "http://127.0.0.1:1"
    assert reached(None, None, "http://127.0.0.1:2").base_url == "http://127.0.0.1:2"


def test_the_window_of_a_request_is_the_one_that_is_set(server, monkeypatch):
    monkeypatch.setenv("XSMOM__EXCHANGE__RECV_WINDOW_MS", "1234")
    seen = []
    real = server.account.check

    def check(headers, *rest):
        seen.append(headers["X-BAPI-RECV-WINDOW"])
        real(headers, *rest)

    server.account.check = check
    assert main(["exchange", "account"]) == 0
    assert set(seen) == {"1234"}
