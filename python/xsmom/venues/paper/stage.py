"""One account on the exchange core: commands in, nouns out, and what a feed must know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from xsmom.domain.exchange_core import Core, specify, to_e8
from xsmom.domain.market_data import Instrument
from xsmom.domain.trading import VenueEvent
from xsmom.errors import DataError
from xsmom.venues.paper import core_rows
from xsmom.venues.paper.core_words import ACCOUNT
from xsmom.venues.paper.outlet import Outlet

Row = dict[str, Any]
_FINAL = frozenset({"filled", "cancelled"})


class Stage:
    """The core with one account, a mirror of what is open there, and every event told on."""

    def __init__(self, instruments: Mapping[str, Instrument], fees: tuple[Decimal, Decimal]) -> None:
        self.fees = fees
        self.contracts: list[Instrument] = []
        self.number: dict[str, int] = {}
        #: Contracts whose tick and step do not multiply to whole 1e-8 USDT: the core cannot hold them.
        self.too_fine: set[str] = set()
        specs = [spec for symbol in sorted(instruments) if (spec := self._take_in(instruments[symbol])) is not None]
        self.core = Core(specs)
        self.open: dict[int, Row] = {}
        self.held_lots: dict[int, int] = {}
        self.outlet = Outlet()
        self._told: list[VenueEvent] = []
        self._changed = True

    def open_account(self, name: str, cash_usdt: Decimal, at_ms: int) -> None:
        """Open the one account; that is where its story begins."""
        self.apply({"do": "open_account", "name": name, "wallet_e8": to_e8(cash_usdt)}, at_ms)
        self._told.clear()

    def _take_in(self, contract: Instrument) -> Row | None:
        try:
            spec = specify(contract, maker_frac=self.fees[0], taker_frac=self.fees[1])
        except DataError:
            self.too_fine.add(contract.symbol)
            return None
        self.number[contract.symbol] = len(self.contracts)
        self.contracts.append(contract)
        return spec

    def list_new(self, instruments: Mapping[str, Instrument], at_ms: int) -> None:
        """Take in contracts that were not there before."""
        for symbol in sorted(instruments):
            if symbol not in self.number and symbol not in self.too_fine:
                spec = self._take_in(instruments[symbol])
                if spec is not None:
                    self.apply({"do": "list", "spec": spec}, at_ms)

    # --- what feeds ask -------------------------------------------------------------------------

    def busy(self) -> list[int]:
        """Contracts in which something is held or ordered, rising."""
        return sorted({*self.held_lots, *(row["symbol"] for row in self.open.values())})

    def side(self, symbol: int) -> int:
        """Which way the market hurts first: `+1` a fall, `-1` a rise, 0 where nothing is at stake.

        What is held long fears the fall. What is only ordered is filled by the one and hurt by the other: an order
        to buy is worst off when the rise comes first.
        """
        lots = self.held_lots.get(symbol, 0)
        if not lots:
            lots = -sum(row["lots"] for row in self.open.values() if row["symbol"] == symbol)
        return (lots > 0) - (lots < 0)

    def levels(self, symbol: int) -> list[int]:
        """Prices at which an order of this contract wakes, or is gone through."""
        found = []
        for row in self.open.values():
            if row["symbol"] != symbol:
                continue
            if row["state"] == "untriggered":
                found.append(row["trigger"]["ticks"])
            else:
                found.append(row["ticks"] - (1 if row["lots"] > 0 else -1))
        return found

    # --- commands -------------------------------------------------------------------------------

    def apply(self, command: Mapping[str, Any], at_ms: int) -> list[Row]:
        """Carry out one command."""
        events = self.core.apply(command, at_ms)
        self._digest(events)
        return events

    def apply_all(self, commands: Sequence[Mapping[str, Any]], at_ms: int) -> None:
        """Carry out the commands of one moment."""
        if commands:
            self._digest(self.core.apply_all(commands, at_ms))

    def ask(self, question: str, **about: Any) -> Any:
        """Ask of the account."""
        return self.core.ask({"ask": question, "account": ACCOUNT, **about})

    def take_told(self) -> list[VenueEvent]:
        """What has happened since this was last asked."""
        told, self._told = self._told, []
        return told

    def take_changed(self) -> bool:
        """Whether anything has happened to the account since this was last asked."""
        changed, self._changed = self._changed, False
        return changed

    def read_mirror(self) -> None:
        """Look anew at what is open, as after a restart."""
        self.open = {row["id"]: row for row in self.ask("open_orders")}
        self.held_lots = {row["symbol"]: row["lots"] for row in self.ask("positions")}

    def _digest(self, events: list[Row]) -> None:
        told: list[VenueEvent] = []
        money = False
        for event in events:
            kind = event["event"]
            money = money or kind == "wallet"
            if kind == "order":
                self._mirror_order(event["order"])
                told.append(core_rows.order(event["order"], self.contracts))
            elif kind == "executed":
                told.append(core_rows.fill(event, self.contracts))
            elif kind == "position":
                self._mirror_position(event)
                told.append(core_rows.position(event, self.contracts))
        if money:
            told.append(core_rows.account(self.ask("wallet"), self.core.now_ms))
        self._told += told
        self._changed = self._changed or bool(told)
        self.outlet.tell(told, self.core.now_ms)

    def _mirror_order(self, row: Row) -> None:
        if row["state"] in _FINAL:
            self.open.pop(row["id"], None)
        else:
            self.open[row["id"]] = row

    def _mirror_position(self, row: Row) -> None:
        if row["lots"]:
            self.held_lots[row["symbol"]] = row["lots"]
        else:
            self.held_lots.pop(row["symbol"], None)
