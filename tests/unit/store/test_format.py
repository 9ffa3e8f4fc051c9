"""The text of format 1 stays what it is: a journal of today is read by every later version."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.oracle import nouns
from xsmom.domain.effects import FetchTransfers, Note, SetTimer, Severity
from xsmom.domain.events import Command, CommandGiven, MoveSeen, TimerFired, TransfersRead
from xsmom.domain.journal import Entry
from xsmom.domain.trading import Ack, MoneyMove, MoveKind, OrderRequest, TimeInForce
from xsmom.store import chain, codec

TEXTS: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    (-3, "-3"),
    (2.0, "2.0"),
    (1e22, "1e+22"),
    (-0.0, "-0.0"),
    (float("nan"), '{"~f":"7ff8000000000000"}'),
    (float("-inf"), '{"~f":"fff0000000000000"}'),
    ("é\x00\n", r'"\u00e9\u0000\n"'),
    ([1, (2.5, "a")], '[1,{"~t":[2.5,"a"]}]'),
    ({"a": 1, "b": {}}, '{"a":1,"b":{}}'),
    ({"~t": 1}, '{"~m":[["~t",1]]}'),
    ({3: "x"}, '{"~m":[[3,"x"]]}'),
    (frozenset({"b", "a"}), '{"~s":["a","b"]}'),
    (Decimal("1.50"), '{"~d":"1.50"}'),
    (b"\x00\x01", '{"~b":"AAE="}'),
    (Severity.ERROR, '{"~e":"Severity:error"}'),
    (np.array([[1.5, np.nan]]), '{"~a":["<f8",[1,2],"AAAAAAAA+D8AAAAAAAD4fw=="]}'),
    (np.array([True, False]), '{"~a":["|b1",[2],"AQA="]}'),
    (np.zeros((0, 2), dtype=np.int64), '{"~a":["<i8",[0,2],""]}'),
    (np.int64(5), '{"~n":["<i8","BQAAAAAAAAA="]}'),
    (SetTimer("work", 7), '{"@":"SetTimer","name":"work","due_ms":7}'),
    (Ack("v", "c", 1), '{"@":"Ack","order_id":"v","client_order_id":"c","at_ms":1}'),
    (
        CommandGiven(Command.KILL, "cli", 9, "why", {"flatten": "yes"}),
        '{"@":"CommandGiven","command":{"~e":"Command:kill"},"by":"cli","at_ms":9,"reason":"why","args":{"flatten":"yes"}}',
    ),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_a_value_has_this_text(value: Any, text: str) -> None:
    assert codec.encode(value) == text
    assert codec.encode(codec.decode(text)) == text


def test_an_old_request_without_what_came_later_is_read() -> None:
    text = '{"@":"OrderRequest","client_order_id":"c","symbol":"S","lots":3}'
    found = codec.decode(text)
    assert found == OrderRequest("c", "S", 3)
    assert found.time_in_force is TimeInForce.GTC


def test_the_chain_of_format_1() -> None:
    """These hashes are in journals; another way of reckoning them is another format."""
    first = chain.write(Entry(1, 5, TimerFired("work", 4), (SetTimer("work", 7),), (Note("x.y"),)), chain.EMPTY_HASH)
    assert first["hash"] == HASHES[0]
    second = chain.write(nouns.entry(2, TimerFired("watch", 6)), first["hash"])
    assert second["hash"] == HASHES[1]


HASHES = (
    "098ae4c6288f439bb7f5bc2e7b9aa1aa153b1bbc20b4af7fd602cc3ec6406d40",
    "d7df1db7262bc143962f4fc13ba9230e3fc91e5d30070ee5a71872386e6dc818",
)


def test_old_facts_of_the_venue_without_what_is_known_of_transfers_are_read() -> None:
    text = '{"@":"VenueFacts","wallet_base_usdt":12.5,"fills_ms":7,"reconciled_ms":9}'
    found = codec.decode(text)
    assert (found.wallet_base_usdt, found.wallet_base_ms, found.transfers_ms, found.named) == (12.5, 0, 0, {})


def test_events_of_the_list_of_money_have_this_text() -> None:
    move = MoneyMove("m1", MoveKind.OTHER, "INTEREST", Decimal("-0.10"), 5)
    body = (
        '{"@":"MoneyMove","move_id":"m1","kind":{"~e":"MoveKind:other"},"word":"INTEREST",'
        '"amount_usdt":{"~d":"-0.10"},"at_ms":5}'
    )
    for value, text in (
        (MoveSeen(move), f'{{"@":"MoveSeen","move":{body}}}'),
        (TransfersRead(3, 4, "503"), '{"@":"TransfersRead","since_ms":3,"asked_ms":4,"failed":"503"}'),
        (FetchTransfers(3), '{"@":"FetchTransfers","since_ms":3}'),
    ):
        assert codec.encode(value) == text
        assert codec.decode(text) == value
