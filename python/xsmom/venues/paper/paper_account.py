"""The sync middle of a paper account: what is asked of the exchange core, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from xsmom.domain.exchange_core import to_e8
from xsmom.domain.trading import (
    AccountView,
    Ack,
    AmendRequest,
    Answer,
    MoneyMove,
    NoChange,
    OrderRequest,
    OrderView,
    PositionView,
    Refusal,
    Rejected,
    TriggerBy,
    VenueFill,
)
from xsmom.errors import Unavailable
from xsmom.venues.paper import core_rows, core_words
from xsmom.venues.paper.core_words import ACCOUNT
from xsmom.venues.paper.stage import Stage

_HISTORY_MAX = 20_000


class PaperAccount:
    """Reads and mutations of the one account of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    # --- reads ----------------------------------------------------------------------------------

    def money(self, at_ms: int) -> AccountView:
        """Money and margin."""
        return core_rows.account(self.stage.ask("wallet"), at_ms)

    def positions(self) -> tuple[PositionView, ...]:
        """Every position that is not flat."""
        return tuple(core_rows.position(row, self.stage.contracts) for row in self.stage.ask("positions"))

    def open_orders(self) -> tuple[OrderView, ...]:
        """Every order that is not final, stops of positions among them."""
        return tuple(core_rows.order(row, self.stage.contracts) for row in self.stage.ask("open_orders"))

    def order(self, symbol: str, client_order_id: str) -> OrderView | None:
        """One order by its name."""
        row = self._find(symbol, client_order_id)
        return None if row is None else core_rows.order(row, self.stage.contracts)

    def fills(self, since_ms: int) -> Sequence[VenueFill]:
        """Every execution from `since_ms` on, rising; raises where they may be more than is remembered."""
        rows = self.stage.ask("executions", since_ms=since_ms)
        if len(rows) >= _HISTORY_MAX:
            raise Unavailable(f"paper: only the last {_HISTORY_MAX:,} executions are remembered: ask for later ones")
        return [core_rows.fill(row, self.stage.contracts) for row in reversed(rows)]

    def transfers(self, since_ms: int) -> Sequence[MoneyMove]:
        """What moved money and was no execution, rising; raises where it may be more than is remembered."""
        rows = self.stage.ask("transactions", since_ms=since_ms)
        if len(rows) >= _HISTORY_MAX:
            raise Unavailable(f"paper: only the last {_HISTORY_MAX:,} movements are remembered: ask for later ones")
        return [move for row in reversed(rows) if (move := core_rows.move(row)) is not None]

    # --- mutations ------------------------------------------------------------------------------

    def submit(self, request: OrderRequest, symbol: int, at_ms: int) -> Answer:
        """Take an order to the book."""
        return self._answered(core_words.place(request, symbol), request.client_order_id, at_ms)

    def amend(self, request: AmendRequest, at_ms: int) -> Answer:
        """Change a working order in its place."""
        found = self._open(request.symbol, request.client_order_id)
        if isinstance(found, Rejected):
            return found
        changes = {"lots": request.lots, "ticks": request.price_ticks, "trigger_ticks": request.trigger_ticks}
        given = {name: value for name, value in changes.items() if value is not None}
        command = {"do": "amend", "account": ACCOUNT, "order": found["id"], **given}
        return self._answered(command, request.client_order_id, at_ms)

    def cancel(self, symbol: str, client_order_id: str, at_ms: int) -> Answer:
        """Take an order back."""
        found = self._open(symbol, client_order_id)
        if isinstance(found, Rejected):
            return found
        return self._answered({"do": "cancel", "account": ACCOUNT, "order": found["id"]}, client_order_id, at_ms)

    def set_stops(
        self, symbol: str, stop_loss_ticks: int | None, take_profit_ticks: int | None, by: TriggerBy, at_ms: int
    ) -> Answer:
        """Set both legs of a position."""
        number = self.stage.number.get(symbol)
        if number is None:
            return self.unknown(symbol)
        return self._done(core_words.set_stops(number, stop_loss_ticks, take_profit_ticks, by), at_ms)

    def set_leverage(self, symbol: str, leverage_x: Decimal, at_ms: int) -> Answer:
        """Set the leverage of a contract, where it differs."""
        number = self.stage.number.get(symbol)
        if number is None:
            return self.unknown(symbol)
        wanted = to_e8(leverage_x)
        if self.stage.ask("position", symbol=number)["leverage_e8"] == wanted:
            return NoChange()
        command = {"do": "set_leverage", "account": ACCOUNT, "symbol": number, "leverage_e8": wanted}
        return self._done(command, at_ms)

    def _done(self, command: Mapping[str, Any], at_ms: int) -> Answer:
        """Carry out a command that concerns no order."""
        for event in self.stage.apply(command, at_ms):
            if event["event"] == "refused":
                return core_words.refused(event["refusal"])
        return Ack("", "", at_ms)

    def _answered(self, command: Mapping[str, Any], client_order_id: str, at_ms: int) -> Answer:
        """Carry out a command; an order that it concerns is the first that is told."""
        for event in self.stage.apply(command, at_ms):
            if event["event"] == "refused":
                return core_words.refused(event["refusal"])
            if event["event"] == "order":
                return Ack(str(event["order"]["id"]), client_order_id, at_ms)
        raise AssertionError(f"{command['do']} told nothing")

    def _find(self, symbol: str, client_order_id: str) -> dict[str, Any] | None:
        row: dict[str, Any] | None = self.stage.ask("order", client_id=client_order_id) if client_order_id else None
        return row if row is not None and row["symbol"] == self.stage.number.get(symbol) else None

    def _open(self, symbol: str, client_order_id: str) -> dict[str, Any] | Rejected:
        row = self._find(symbol, client_order_id)
        if row is None:
            return refused(Refusal.NOT_FOUND, f"no order {client_order_id!r} in {symbol}")
        if row["state"] in ("filled", "cancelled"):
            return refused(Refusal.ALREADY_DONE, "the order is filled or taken back already")
        return row

    def unknown(self, symbol: str) -> Rejected:
        """Why a contract cannot be traded here."""
        if symbol in self.stage.too_fine:
            return refused(Refusal.NOT_TRADING, f"{symbol}: its tick and step are too fine to be matched exactly here")
        return refused(Refusal.NOT_TRADING, f"{symbol} is none of the contracts that we know")


def refused(refusal: Refusal, text: str) -> Rejected:
    """A refusal that never came before the core."""
    return Rejected(refusal, "local", text)
