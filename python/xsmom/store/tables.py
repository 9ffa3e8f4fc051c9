"""The tables of a journal. What they are for is told in docs/explanation/journal.md.

`entries` and `snapshots` are the truth. The others are for readers: written in the same transaction as the entry that
they follow from, and never read back by a writer. Money is text, since it is Decimal; floats are eight bytes wide.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()


def _key(name: str, kind: type[BigInteger | Integer | Text] = BigInteger) -> Column[object]:
    return Column(name, kind(), primary_key=True, autoincrement=False)


def _whole(name: str) -> Column[object]:
    return Column(name, BigInteger(), nullable=False)


def _text(name: str) -> Column[object]:
    return Column(name, Text(), nullable=False)


def _float(name: str) -> Column[object]:
    """NaN is stored as null: SQLite knows no other."""
    return Column(name, Double(), nullable=True)


def _flag(name: str) -> Column[object]:
    return Column(name, Boolean(), nullable=False)


META = Table("meta", METADATA, _key("name", Text), _text("value"))
"""`account`; `anchor_seq` and `anchor_hash`: the newest entry that was pruned."""

LEASE = Table(
    "lease",
    METADATA,
    _key("account", Text),
    _text("token"),
    _whole("pid"),
    _text("host"),
    _whole("since_ms"),
    _whole("beat_ms"),
    #: Silence after which this holder counts as dead.
    _whole("patience_ms"),
)

ENTRIES = Table(
    "entries",
    METADATA,
    _key("seq"),
    _whole("at_ms"),
    _text("kind"),
    Column("format", Integer(), nullable=False),
    _text("event"),
    _text("effects"),
    _text("notes"),
    #: SHA-256 over the previous entry's hash and this row.
    _text("hash"),
    Index("entries_kind", "kind", "seq"),
)

TORN = Table(
    "torn",
    METADATA,
    _key("seq"),
    #: Time at which it was taken out; the same number may tear twice.
    _key("dropped_ms"),
    _whole("at_ms"),
    _text("why"),
    _text("event"),
    _text("effects"),
    _text("notes"),
    _text("hash"),
)
"""Newest entries that could not be read and were taken out, for whoever wants to look."""

SNAPSHOTS = Table(
    "snapshots",
    METADATA,
    _key("seq"),
    _whole("at_ms"),
    Column("format", Integer(), nullable=False),
    _text("book"),
    Column("window", LargeBinary(), nullable=False),
    #: SHA-256 over the hash of the entry with its number, the book and the window.
    _text("hash"),
)

BOOK = Table("book", METADATA, _key("part", Text), _key("item", Text), _whole("place"), _text("body"), _text("hash"))
"""The book after the newest entry, by its parts; mappings item by item."""

FILLS = Table(
    "fills",
    METADATA,
    _key("exec_id", Text),
    _whole("seq"),
    _whole("at_ms"),
    _text("symbol"),
    _text("kind"),
    _text("client_order_id"),
    _text("order_id"),
    _whole("lots"),
    _text("price"),
    _text("fee_usdt"),
    _flag("is_maker"),
    Index("fills_at", "at_ms"),
)

FUNDING = Table(
    "funding",
    METADATA,
    _key("exec_id", Text),
    _whole("seq"),
    _whole("at_ms"),
    _text("symbol"),
    _text("mark"),
    #: Above 0 was paid.
    _text("paid_usdt"),
    Index("funding_at", "at_ms"),
)

TRANSFERS = Table(
    "transfers", METADATA, _key("transfer_id", Text), _whole("seq"), _whole("at_ms"), _text("amount_usdt")
)

ORDERS = Table(
    "orders",
    METADATA,
    _key("client_order_id", Text),
    _whole("seq"),
    _text("parent_id"),
    _text("symbol"),
    #: Empty where no approved order stands behind it: a stop.
    _text("purpose"),
    _text("style"),
    Column("reference_price", Double(), nullable=True),
    _whole("lots"),
    Column("price", Text(), nullable=True),
    _flag("reduce_only"),
    _flag("conditional"),
    _text("phase"),
    _whole("filled_lots"),
    _text("order_id"),
    _whole("sent_ms"),
    _whole("at_ms"),
    _text("why"),
    #: The book still works on it; what has left the book is never open.
    _flag("open"),
    Index("orders_sent", "sent_ms"),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    _key("close_ms"),
    _key("symbol", Text),
    _whole("seq"),
    _float("weight_frac"),
    _text("reason"),
    _whole("goal_lots"),
    _whole("lots"),
    _float("mark"),
)

EQUITY = Table(
    "equity",
    METADATA,
    _key("close_ms"),
    _whole("seq"),
    _float("equity_usdt"),
    _float("unit_value"),
    _float("cash_usdt"),
    _float("gross_usdt"),
    _float("net_usdt"),
    _float("fee_usdt"),
    _float("slippage_usdt"),
    _float("funding_usdt"),
    _float("traded_usdt"),
    _float("transfers_usdt"),
    _float("corrections_usdt"),
)

NOTES = Table(
    "notes",
    METADATA,
    _key("seq"),
    _key("place", Integer),
    _whole("at_ms"),
    _text("name"),
    _text("severity"),
    _text("symbol"),
    _text("body"),
    Index("notes_name", "name", "at_ms"),
)
