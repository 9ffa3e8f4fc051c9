"""A paper account as bytes, and back: a line of JSON for the feed, then the core's own bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from xsmom.domain.exchange_core import Core
from xsmom.domain.market_data import Instrument
from xsmom.errors import JournalCorrupt, KernelError
from xsmom.venues.paper.core_words import ACCOUNT

if TYPE_CHECKING:
    from xsmom.venues.paper.paper_venue import PaperVenue

_VERSION = 1


def write(venue: PaperVenue) -> bytes:
    """All that changes in an account and in its market."""
    stage = venue.stage
    head = {
        "version": _VERSION,
        "at_ms": venue.at_ms,
        "contracts": [
            [contract.symbol, str(contract.price_tick), str(contract.qty_step)] for contract in stage.contracts
        ],
        "feed": venue.feed.state(),
    }
    return json.dumps(head).encode() + b"\n" + stage.core.snapshot()


def read(venue: PaperVenue, snapshot: bytes) -> None:
    """Put an account back. One that cannot be read, or holds a contract that is another by now, changes nothing."""
    head, _, body = snapshot.partition(b"\n")
    stage, before = venue.stage, venue.feed.state()
    known = {contract.symbol: contract for contract in stage.contracts}
    try:
        told = _head(head)
        core = Core.restored(body)
        contracts = [_contract(row, stage.contracts[0], known) for row in told["contracts"]]
        at_ms = int(told["at_ms"])
        _refuse_changed(core, contracts, known)
        venue.feed.resume(told["feed"])
    except (ValueError, LookupError, TypeError, ArithmeticError, KernelError) as error:
        venue.feed.resume(before)
        raise JournalCorrupt(
            f"the paper account's snapshot cannot be read ({type(error).__name__}: {error})"
        ) from error
    stage.contracts = contracts
    stage.number = {one.symbol: number for number, one in enumerate(contracts) if one is known.get(one.symbol)}
    stage.core, venue.at_ms = core, at_ms
    stage.read_mirror()
    # What is new since then, or has another tick or step by now, gets a number of its own.
    stage.list_new(known, core.now_ms)


def _head(line: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line)
    if told["version"] != _VERSION:
        raise ValueError(f"version {told['version']}")
    return told


def _contract(row: list[str], other: Instrument, known: Mapping[str, Instrument]) -> Instrument:
    """A contract as it is known now, or as it was where its tick or step has changed since."""
    symbol, tick, step = row[0], Decimal(row[1]), Decimal(row[2])
    now = known.get(symbol, other)
    if (now.symbol, now.price_tick, now.qty_step) == (symbol, tick, step):
        return now
    return replace(now, symbol=symbol, price_tick=tick, qty_step=step)


def _refuse_changed(core: Core, contracts: list[Instrument], known: Mapping[str, Instrument]) -> None:
    about = {"account": ACCOUNT}
    rows = [*core.ask({"ask": "positions", **about}), *core.ask({"ask": "open_orders", **about})]
    for contract in (contracts[row["symbol"]] for row in rows):
        if contract is not known.get(contract.symbol):
            raise ValueError(f"{contract.symbol} is held or ordered, and has another tick or step by now, or is gone")
