"""`xsmom export fills|funding|income`: a trader's past as CSV, for spreadsheets and taxes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.trader_choice import ConfigFile, ModeName, Trader, known_book

if TYPE_CHECKING:
    from decimal import Decimal

    from xsmom.domain.ledger import FillRow

CsvFile = Annotated[Path, typer.Option("--csv", metavar="FILE", help="File to write.")]
Since = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From here: 2024-03-01 (00:00 UTC), or with its zone.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to here, not included.")]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")]

_FILLS = (
    "time", "at_ms", "symbol", "kind", "side", "lots", "qty", "price", "value_usdt", "fee_usdt", "maker", "purpose",
    "reference_price", "exec_id", "client_order_id", "order_id",
)  # fmt: skip
_FUNDING = ("time", "at_ms", "symbol", "mark", "paid_usdt", "exec_id")
_INCOME = ("time", "at_ms", "kind", "symbol", "amount_usdt", "id")

app = typer.Typer()


@app.callback()
def export() -> None:
    """Write a trader's past as CSV: times in UTC, numbers as the exchange told them."""


@app.command()
def fills(
    csv: CsvFile,
    since: Since = None,
    until: Until = None,
    force: Force = False,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Every execution, with what its order was for and the price when it was decided.

    \b
    Examples:
      xsmom export fills --csv fills.csv
      xsmom export fills --csv march.csv --from 2024-03-01 --to 2024-04-01
    """
    from xsmom.live.income import qty_steps

    with Trader.of(config, mode, overrides).looking() as reader:
        found = reader.fills(*_span(since, until))
        steps = qty_steps(reader, known_book(reader), {one.symbol for one in found})
    rows = [_fill(steps.get(one.symbol), one) for one in found]
    _write(csv, _FILLS, rows, force=force, as_json=as_json)
    names = sorted({row[2] for row in rows if row[6] == ""})
    if names:
        _warn(f"qty and value of {', '.join(names)} are left open: the size of their lots is not kept, or has changed")


@app.command()
def funding(
    csv: CsvFile,
    since: Since = None,
    until: Until = None,
    force: Force = False,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Every settlement; `paid_usdt` below 0 was received.

    \b
    Examples:
      xsmom export funding --csv funding.csv --from 2024-01-01
    """
    with Trader.of(config, mode, overrides).looking() as reader:
        rows = [
            (_time(row.at_ms), row.at_ms, row.symbol, row.mark, row.paid_usdt, row.exec_id)
            for row in reader.funding(*_span(since, until))
        ]
    _write(csv, _FUNDING, rows, force=force, as_json=as_json)


@app.command()
def income(
    csv: CsvFile,
    since: Since = None,
    until: Until = None,
    force: Force = False,
    config: ConfigFile = "config.yaml",
    mode: ModeName = "live",
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Every movement of money: realised profit by average cost, fees, funding, transfers; above 0 was received.

    \b
    Examples:
      xsmom export income --csv income.csv --from 2024-01-01 --to 2025-01-01
    """
    from xsmom.live.income import income as movements

    with Trader.of(config, mode, overrides).looking() as reader:
        told = movements(reader, known_book(reader), *_span(since, until))
    rows = [(_time(row.at_ms), *row[:3], f"{row.amount_usdt:f}", row.id) for row in told.rows]
    _write(csv, _INCOME, rows, force=force, as_json=as_json)
    for symbol, why in told.untold.items():
        _warn(f"realised profit of {symbol} is left out: {why}")


def _fill(step: Decimal | None, row: FillRow) -> tuple[Any, ...]:
    qty = "" if step is None else abs(row.lots) * step
    return (
        _time(row.at_ms),
        row.at_ms,
        row.symbol,
        row.kind,
        "buy" if row.lots > 0 else "sell",
        row.lots,
        "" if qty == "" else f"{qty:f}",
        f"{row.price:f}",
        "" if step is None else f"{abs(row.lots) * step * row.price:f}",
        f"{row.fee_usdt:f}",
        "yes" if row.is_maker else "no",
        row.purpose,
        "" if row.reference_price is None else repr(row.reference_price),
        row.exec_id,
        row.client_order_id,
        row.order_id,
    )


def _span(since: str | None, until: str | None) -> tuple[int, int]:
    from xsmom.domain.stamps import parse_ms
    from xsmom.store.readers import FOREVER_MS

    start_ms = 0 if since is None else parse_ms(since)
    end_ms = FOREVER_MS if until is None else parse_ms(until)
    if start_ms >= end_ms:
        raise typer.BadParameter("lies before --from, or at it", param_hint="--to")
    return start_ms, end_ms


def _time(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write(path: Path, columns: Sequence[str], rows: Sequence[Iterable[Any]], *, force: bool, as_json: bool) -> None:
    """The whole file or none: written beside its place, then renamed."""
    import csv
    import os

    from xsmom.errors import OutputError

    if path.exists() and not force:
        raise OutputError(f"{path} is there already: give --force to replace it, or another --csv")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        draft.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    if as_json:
        from xsmom.cli.output import print_json

        print_json({"file": str(path), "rows": len(rows), "columns": list(columns)})
        return
    print(f"{path}: {len(rows):,} rows")


def _warn(text: str) -> None:
    sys.stderr.write(f"xsmom: {text}\n")
