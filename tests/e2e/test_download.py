"""`xsmom data download` against a server that speaks Bybit's format, through the real library.

Truth is the made-up market itself: whatever went wrong on the way, the lake holds what it says. The whole
way against the simulated exchange, kills included, is in test_download_simex.py; here stands what that one
never does: well-formed answers that are wrong, lower limits than documented, contracts that are gone, and
names that were listed twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.exchange import market as truth
from tests.exchange.market import HOUR_MS, START_MS, Contract
from tests.exchange.server import HTML, Fault, Server
from xsmom.cli.main import main
from xsmom.domain.stamps import format_ms
from xsmom.lake.series import SeriesKey
from xsmom.lake.spans import Span
from xsmom.lake.store import Lake
from xsmom.venues import wire

DAY_MS = 24 * HOUR_MS
NOW_MS = START_MS + 120 * DAY_MS + 1_800_000
LAST_BAR_MS = START_MS + 120 * DAY_MS
SECOND_PAGE_MS = -(-START_MS // (1_000 * HOUR_MS)) * 1_000 * HOUR_MS


def contracts():
    return [
        Contract("AAAUSDT"),
        Contract("BBBUSDT", listed_ms=START_MS + 50 * DAY_MS, funding_ms=4 * HOUR_MS),
        Contract("GONEUSDT", status="Closed", delisted_ms=START_MS + 60 * DAY_MS + HOUR_MS),
        Contract("ETHPERP", quote="USDC"),
    ]


@pytest.fixture
def server():
    with Server(contracts(), now_ms=NOW_MS) as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(wire, "_PAUSES_S", (0.01, 0.01, 0.01))


def arguments(server, folder, *more, since="2023-01-01"):
    return ["data", "download", "--since", since, "--lake", str(folder), "--server", server.base_url, *more]


def download(server, folder, capsys, *more, expect=0, since="2023-01-01"):
    capsys.readouterr()
    assert main([*arguments(server, folder, *more, since=since), "--json"]) == expect
    return json.loads(capsys.readouterr().out)


def key(symbol, kind="bars"):
    return SeriesKey("bybit", kind, "" if kind == "funding" else "1h", symbol)


def assert_whole(folder, one, since_ms=START_MS, until_ms=LAST_BAR_MS, now_ms=NOW_MS):
    """The lake's rows of one contract are the market's, and it knows that they are all."""
    lake = Lake.open(folder)
    for kind, word in (("bars", "last"), ("mark", "mark")):
        told = truth.bars(one, HOUR_MS, since_ms, until_ms, now_ms, word)
        rows = lake.read(key(one.symbol, kind))
        assert rows["open_ms"].to_list() == [int(row[0]) for row in told]
        for at, name in enumerate(("open", "high", "low", "close"), start=1):
            np.testing.assert_array_equal(rows[name].to_numpy(), [float(row[at]) for row in told])
        volumes = [float(row[5]) for row in told] if kind == "bars" else [None] * len(told)
        assert rows["volume"].to_list() == volumes
        end_ms = min(until_ms, -(-one.delisted_ms // HOUR_MS) * HOUR_MS if one.delisted_ms else until_ms)
        assert lake.info(key(one.symbol, kind)).covered == (Span(since_ms, end_ms),)
        assert lake.info(key(one.symbol, kind)).holes == ()
    prints = truth.funding(one, since_ms, now_ms, now_ms)
    rows = lake.read(key(one.symbol, "funding"))
    assert rows["at_ms"].to_list() == [at_ms for at_ms, _ in prints]
    assert rows["rate_frac"].to_list() == [float(rate) for _, rate in prints]


def every(lake):
    """Keys of all its series."""
    return lake.keys()


def test_everything_is_fetched_once(server, tmp_path, capsys):
    folder = tmp_path / "lake"
    told = download(server, folder, capsys)
    for one in server.contracts[:3]:
        assert_whole(folder, one)
    assert told["rows"] == sum(Lake.open(folder).info(one).rows for one in every(Lake.open(folder)))
    assert (told["failed"], told["gave_up"]) == (0, None)
    specs = Lake.open(folder).instruments("bybit")
    assert sorted(specs["symbol"]) == ["AAAUSDT", "BBBUSDT", "GONEUSDT"]
    before = len(server.log)
    again = download(server, folder, capsys)
    assert again["rows"] == 0
    paths = {path for path, _, _ in server.log[before:]}
    assert not any("kline" in path for path in paths)
    assert main(arguments(server, folder, "--kinds", "ohlcv,mark")) == 0
    assert "nothing was missing" in capsys.readouterr().out


def test_the_forming_bar_is_never_stored_and_comes_when_it_is_closed(server, tmp_path, capsys):
    folder = tmp_path / "lake"
    download(server, folder, capsys, "--symbols", "AAAUSDT", "--kinds", "ohlcv")
    assert Lake.open(folder).info(key("AAAUSDT")).last_ms == LAST_BAR_MS - HOUR_MS
    server.now_ms += HOUR_MS
    told = download(server, folder, capsys, "--symbols", "AAAUSDT", "--kinds", "ohlcv")
    assert told["rows"] == 1
    assert Lake.open(folder).info(key("AAAUSDT")).last_ms == LAST_BAR_MS


def test_a_bar_that_is_published_late_is_not_taken_for_a_gap(server, tmp_path, capsys):
    folder = tmp_path / "lake"
    server.now_ms = LAST_BAR_MS + 5_000
    server.contracts[0].outages = [(LAST_BAR_MS - HOUR_MS, LAST_BAR_MS)]  # not there yet
    download(server, folder, capsys, "--symbols", "AAAUSDT", "--kinds", "ohlcv")
    assert Lake.open(folder).info(key("AAAUSDT")).covered[-1].end_ms == LAST_BAR_MS - HOUR_MS
    server.contracts[0].outages = []
    assert download(server, folder, capsys, "--symbols", "AAAUSDT", "--kinds", "ohlcv")["rows"] == 1


def test_append_and_prepend_ask_only_for_what_is_new(server, tmp_path, capsys):
    folder = tmp_path / "lake"
    middle = ("--symbols", "AAAUSDT", "--until", "2023-03-01")
    download(server, folder, capsys, *middle, since="2023-02-01")
    before = len(server.log)
    told = download(server, folder, capsys, "--symbols", "AAAUSDT")
    assert_whole(folder, server.contracts[0])
    opens = [
        range(int(query["start"]), int(query["end"]), HOUR_MS)
        for path, query, _ in server.log[before:]
        if "/kline" in path
    ]
    asked = {open_ms for some in opens for open_ms in some}
    assert asked.isdisjoint(range(START_MS + 31 * DAY_MS, START_MS + 59 * DAY_MS, HOUR_MS))
    assert (
        told["rows"] == sum(Lake.open(folder).info(one).rows for one in every(Lake.open(folder))) - 2 * 28 * 24 - 28 * 3
    )


def test_a_page_that_fails_is_a_known_hole_and_is_asked_for_again(server, tmp_path, capsys):
    folder = tmp_path / "lake"
    server.faults.append(Fault("answer", "/kline", "AAAUSDT", times=4, start=SECOND_PAGE_MS, status=502))
    told = download(server, folder, capsys, "--kinds", "ohlcv", expect=11)
    (series,) = [one for one in told["series"] if one["holes"]]
    (hole,) = series["holes"]
    assert (series["symbol"], told["failed"]) == ("AAAUSDT", 1)
    assert "HTTP 502" in hole["why"]
    (noted,) = Lake.open(folder).info(key("AAAUSDT")).holes
    assert noted.span == Span(hole["from_ms"], hole["to_ms"])
    assert not any(
        noted.span.start_ms < span.end_ms and span.start_ms < noted.span.end_ms
        for span in Lake.open(folder).info(key("AAAUSDT")).covered
    )
    healed = download(server, folder, capsys)
    assert healed["failed"] == 0
    for one in server.contracts[:3]:
        assert_whole(folder, one)


def test_holes_are_shown_to_people(server, tmp_path, capsys):
    server.faults.append(Fault("answer", "/kline", "AAAUSDT", times=-1, body=HTML))
    assert main(arguments(server, tmp_path / "lake", "--kinds", "ohlcv")) == 11
    out, err = capsys.readouterr()
    assert "hole: bybit AAAUSDT bars 1h, 2023-" in out
    assert "are noted as holes, run the same command again: bybit: bars of AAAUSDT: answered '<!DOCTYPE" in err
    assert len([line for line in err.strip().splitlines() if not line.startswith("pages from")]) == 1


@pytest.mark.parametrize("path", ["/kline", "funding"])
def test_an_empty_list_where_the_contract_trades_is_not_believed(server, tmp_path, capsys, path):
    folder = tmp_path / "lake"
    kinds = ("--kinds", "ohlcv" if path == "/kline" else "funding", "--symbols", "AAAUSDT")
    server.faults.append(Fault("empty", path, times=-1))
    told = download(server, folder, capsys, *kinds)
    assert told["rows"] == 0
    assert all("sent nothing" in hole["why"] for one in told["series"] for hole in one["holes"])
    assert Lake.open(folder).info(key("AAAUSDT", "bars" if path == "/kline" else "funding")).covered == ()
    server.faults.clear()
    assert download(server, folder, capsys, *kinds)["rows"] > 0


@pytest.mark.parametrize("do", ["thin", "twice", "drop", "cut", "no list"])
def test_what_goes_wrong_now_and_then_leaves_no_trace(server, tmp_path, capsys, do):
    folder = tmp_path / "lake"
    server.faults += [Fault(do, "kline", times=1, skip=skip) for skip in (0, 3, 5)]
    download(server, folder, capsys)
    for one in server.contracts[:3]:
        assert_whole(folder, one)


def test_lower_limits_than_documented(server, tmp_path, capsys):
    server.page_cap, server.funding_cap = 170, 19
    download(server, tmp_path / "lake", capsys)
    for one in server.contracts[:3]:
        assert_whole(tmp_path / "lake", one)


def test_a_history_before_the_listing_is_found(server, tmp_path, capsys):
    """A contract that came back under its name: the exchange lists the second life, and has the first."""
    again_ms = START_MS + 110 * DAY_MS
    server.contracts = [Contract("LUNAUSDT", overrides={"launchTime": str(again_ms)})]
    download(server, tmp_path / "lake", capsys)
    assert_whole(tmp_path / "lake", server.contracts[0])


def test_a_contract_that_the_exchange_will_not_tell_of(server, tmp_path, capsys):
    server.faults.append(Fault("code", "/kline", "GONEUSDT", times=-1, status=10_001, body="symbol invalid"))
    told = download(server, tmp_path / "lake", capsys, "--kinds", "ohlcv", expect=13)
    assert {one["symbol"] for one in told["series"] if one["holes"]} == {"GONEUSDT"}
    assert len([query for query, _ in server.calls("/kline") if query["symbol"] == "GONEUSDT"]) == 1
    assert Lake.open(tmp_path / "lake").info(key("AAAUSDT")).rows == 120 * 24


@pytest.mark.parametrize(
    "fault",
    [Fault("answer", "kline", status=403, skip=3, times=-1), Fault("answer", "kline", status=429, skip=3, times=-1)],
)
def test_an_exchange_that_asks_to_be_left_alone_is(server, tmp_path, capsys, fault):
    server.faults.append(fault)
    told = download(server, tmp_path / "lake", capsys, expect=11)
    assert f"HTTP {fault.status}" in told["gave_up"]
    assert len(server.calls("kline")) < 100
    server.faults.clear()
    download(server, tmp_path / "lake", capsys)
    for one in server.contracts[:3]:
        assert_whole(tmp_path / "lake", one)


def test_the_most_traded(server, tmp_path, capsys):
    told = download(server, tmp_path / "lake", capsys, "--top", "1", "--kinds", "ohlcv")
    most = max(("AAAUSDT", "BBBUSDT"), key=lambda symbol: truth.noise(symbol, 1))
    assert [one["symbol"] for one in told["series"]] == [most]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--symbols", "AAUSDT"], 4, "bybit has no perpetual AAUSDT: did you mean AAAUSDT"),
        (["--symbols", "AAAUSDT", "--top", "3"], 3, "--symbols and --top both choose"),
        (["--kinds", "trades"], 3, "kind 'trades' is not known: choose of ohlcv, funding, mark"),
        (["--until", "2022-01-01"], 4, "is not after --since"),
        (["--timeframe", "7m"], 4, "bybit has no bars of 7m: choose 1m"),
        (["--exchange", "mtgox"], 3, "not supported by this version"),
    ],
)
def test_what_cannot_be_meant_is_refused(server, tmp_path, capsys, more, code, words):
    assert main(arguments(server, tmp_path / "lake", *more)) == code
    err = capsys.readouterr().err
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_the_project_may_say_since_when_and_what(server, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = ["data", "download", "--symbols", "AAAUSDT", "--server", server.base_url, "--json"]
    assert main(plain) == 3
    assert "no first day is given: add --since 2023-01-01, or set data.since in config.yaml" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("data:\n  since: 2023-02-01\n  kinds: [funding]\n")
    assert main(plain) == 0
    (only,) = Lake.open("lake").keys()
    assert only == key("AAAUSDT", "funding")
    assert Lake.open("lake").info(only).first_ms == START_MS + 31 * DAY_MS
    assert main([*plain, "--since", "2023-03-01", "--kinds", "ohlcv"]) == 0  # the command line comes first
    assert Lake.open("lake").info(key("AAAUSDT")).first_ms == START_MS + 59 * DAY_MS
    (tmp_path / "config.yaml").write_text("data:\n  since: yesterday\n")
    assert main(plain) == 4
    assert "'yesterday' is no time: write 2024-03-01" in capsys.readouterr().err


def test_the_future_is_refused(server, tmp_path, capsys):
    assert main(arguments(server, tmp_path / "lake", since="2030-01-01")) == 4
    assert "--since 2030-01-01 00:00Z lies in the future" in capsys.readouterr().err


def test_one_process_writes_at_a_time(server, tmp_path, capsys):
    other = Lake.open(tmp_path / "lake", create=True)
    with other.writing():
        assert main(arguments(server, tmp_path / "lake")) == 4
    assert "lake" in capsys.readouterr().err


def start(server, folder, *more):
    command = [sys.executable, "-m", "xsmom", *arguments(server, folder, *more)]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for_calls(server, process, calls):
    deadline = time.monotonic() + 60
    while len(server.calls("kline")) < calls and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.slow
def test_ctrl_c_ends_cleanly(server, tmp_path, capsys):
    server.latency_s = 0.05
    process = start(server, tmp_path / "lake")
    wait_for_calls(server, process, 4)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert err.strip().splitlines()[-2:] == [
        "what came so far is stored: run the same command again to go on",
        "xsmom: interrupted",
    ]
    assert "Traceback" not in err
    server.latency_s = 0.0
    download(server, tmp_path / "lake", capsys)
    for one in server.contracts[:3]:
        assert_whole(tmp_path / "lake", one)


@pytest.mark.slow
def test_the_budget_of_the_exchange_is_kept(tmp_path, capsys):
    """The server bars an address at 600 calls in 5 s, like the real one; we never meet that."""
    many = [Contract(f"C{number:03}USDT") for number in range(60)]
    with Server(many, now_ms=NOW_MS) as server:
        told = download(server, tmp_path / "lake", capsys, "--kinds", "funding,ohlcv")
        assert server.barred == 0
        assert told["calls"] == len(server.log)
        assert told["rows"] == 60 * (120 * 24 + 361)
    assert told["budget_per_second"] == pytest.approx(108)


def test_times_are_written_for_people():
    assert format_ms(START_MS) == "2023-01-01 00:00Z"


PEAK = """
import resource, sys
from xsmom.cli.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_fetched(tmp_path):
    """Ten times the rows, hardly more memory; the first run is large enough to have brought all libraries in."""
    peaks, rows = [], []
    with Server([Contract(f"C{number:03}USDT") for number in range(40)], now_ms=NOW_MS) as server:
        for contracts in (4, 40):
            names = ",".join(f"C{number:03}USDT" for number in range(contracts))
            asked = [*arguments(server, tmp_path / str(contracts), "--symbols", names), "--json"]
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", PEAK, *asked], capture_output=True, text=True, check=True
            )
            rows.append(json.loads(done.stdout)["rows"])
            peaks.append(int(done.stderr.split()[-1]))
    assert rows[1] == 10 * rows[0]
    assert peaks[1] < peaks[0] + 40, peaks
