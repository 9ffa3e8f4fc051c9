"""What readers look at: the book by parts, fills, funding, transfers, orders, decisions, equity, notes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("notes", "equity", "decisions", "orders", "transfers", "funding", "fills", "book")

_EQUITY = (
    "equity_usdt", "unit_value", "cash_usdt", "gross_usdt", "net_usdt", "fee_usdt", "slippage_usdt", "funding_usdt",
    "traded_usdt", "transfers_usdt", "corrections_usdt",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables; the next writer fills in what the entries tell."""
    _make_ledger()
    _make_orders()
    _make_series()
    meta = sa.table("meta", sa.column("name", sa.Text()), sa.column("value", sa.Text()))
    op.execute(meta.insert().values(name="refill", value="1"))


def downgrade() -> None:
    """Remove them; the journal stays whole."""
    for name in TABLES:
        op.drop_table(name)
    op.execute("DELETE FROM meta WHERE name = 'refill'")


def _key(name: str, kind: type[sa.BigInteger | sa.Integer | sa.Text] = sa.Text) -> sa.Column[object]:
    return sa.Column(name, kind(), primary_key=True, autoincrement=False)


def _whole(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _floats(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Double(), nullable=True) for name in names]


def _flags(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names]


def _make_ledger() -> None:
    op.create_table("book", _key("part"), _key("item"), *_whole("place"), *_texts("body", "hash"))
    op.create_table(
        "fills",
        _key("exec_id"),
        *_whole("seq", "at_ms", "lots"),
        *_texts("symbol", "kind", "client_order_id", "order_id", "price", "fee_usdt"),
        *_flags("is_maker"),
    )
    op.create_index("fills_at", "fills", ["at_ms"])
    op.create_table("funding", _key("exec_id"), *_whole("seq", "at_ms"), *_texts("symbol", "mark", "paid_usdt"))
    op.create_index("funding_at", "funding", ["at_ms"])
    op.create_table("transfers", _key("transfer_id"), *_whole("seq", "at_ms"), *_texts("amount_usdt"))


def _make_orders() -> None:
    op.create_table(
        "orders",
        _key("client_order_id"),
        *_whole("seq", "lots", "filled_lots", "sent_ms", "at_ms"),
        *_texts("parent_id", "symbol", "purpose", "style", "phase", "order_id", "why"),
        *_floats("reference_price"),
        sa.Column("price", sa.Text(), nullable=True),
        *_flags("reduce_only", "conditional", "open"),
    )
    op.create_index("orders_sent", "orders", ["sent_ms"])


def _make_series() -> None:
    op.create_table(
        "decisions",
        _key("close_ms", sa.BigInteger),
        _key("symbol"),
        *_whole("seq", "goal_lots", "lots"),
        *_floats("weight_frac", "mark"),
        *_texts("reason"),
    )
    op.create_table("equity", _key("close_ms", sa.BigInteger), *_whole("seq"), *_floats(*_EQUITY))
    op.create_table(
        "notes",
        _key("seq", sa.BigInteger),
        _key("place", sa.Integer),
        *_whole("at_ms"),
        *_texts("name", "severity", "symbol", "body"),
    )
    op.create_index("notes_name", "notes", ["name", "at_ms"])
