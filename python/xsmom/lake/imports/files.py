"""Files as frames: CSV, Parquet, Feather, JSON and zip, before anybody has asked what is in them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from xsmom.errors import DataError
from xsmom.lake.imports.names import NameTells, read_name
from xsmom.lake.part import UNREADABLE
from xsmom.lake.telling import telling

ENDINGS = (".csv", ".txt", ".parquet", ".pq", ".feather", ".arrow", ".ipc", ".json", ".zip", ".gz")

_KLINE_NAMES = ("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
                "trades", "taker_volume", "taker_quote_volume", "ignore")  # fmt: skip
_OHLCV_NAMES = _KLINE_NAMES[:6]
_BARE = {12: _KLINE_NAMES, 11: _KLINE_NAMES[:11], 6: _OHLCV_NAMES}
_UNPACKED_BYTES_MAX = 8 << 30  # what a member of an archive may grow to
_WEB_PAGE = (b"<!doctype html", b"<html")


class Table(NamedTuple):
    """One frame, and where it was found."""

    frame: pl.DataFrame
    origin: str
    sha256: str
    tells: NameTells


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The files of folders and globs, sorted; a path that leads nowhere is an error."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            these = _inside(path)
        elif not path.exists() and any(sign in str(path) for sign in "*?["):
            base = Path(path.anchor) if path.is_absolute() else Path()
            these = sorted(one for one in base.glob(str(path.relative_to(base))) if one.is_file())
        else:
            these = [path]
        if not these:
            raise DataError(f"{path} holds no file that could be imported ({', '.join(ENDINGS)})")
        found += these
    return list(dict.fromkeys(found))


def _inside(folder: Path) -> list[Path]:
    """All files of a folder that may be read; those of a lake in it are no source."""
    files = [one for one in folder.rglob("*") if one.is_file() and one.suffix.lower() in ENDINGS]
    lakes = [one.parent for one in files if one.name == "lake.json"]
    return sorted(
        one for one in files if not one.name.startswith(".") and not any(one.is_relative_to(lake) for lake in lakes)
    )


def read_tables(path: Path) -> Iterator[Table]:
    """The frames of a file: one, or one for each member of an archive."""
    tells = read_name(path)
    with telling(path, DataError):
        data = path.read_bytes()
    digest = sha256(data).hexdigest()
    if not data:
        raise DataError(f"{path} is empty")
    if data[:512].lstrip().lower().startswith(_WEB_PAGE):
        raise DataError(f"{path} is a web page, not data: whoever was asked for it sent that instead; fetch it again")
    if path.suffix.lower() == ".zip":
        yield from _read_zip(path, data, digest)
        return
    yield Table(_parse(str(path), path.name, data), path.name, digest, tells)


def _read_zip(path: Path, data: bytes, digest: str) -> Iterator[Table]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if not members:
                raise DataError(f"{path} holds no file")
            for member in members:
                yield _read_member(path, archive, member, digest)
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:  # a RuntimeError is how it says "encrypted"
        raise DataError(f"{path} is no whole zip archive ({error}): fetch it again") from None


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, digest: str) -> Table:
    label = f"{path}:{member.filename}"
    if member.file_size > _UNPACKED_BYTES_MAX:
        raise DataError(f"{label} unpacks to {member.file_size:,} bytes: unpack it and import the pieces")
    tells = read_name(path, member.filename)
    data = archive.read(member)
    if not data:
        raise DataError(f"{label} is empty")
    return Table(_parse(label, member.filename, data), f"{path.name}:{member.filename}", digest, tells)


def _parse(label: str, name: str, data: bytes) -> pl.DataFrame:
    if name.lower().endswith(".gz"):
        name, data = name[:-3], _gunzip(label, data)
    ending = f".{name.lower().rpartition('.')[2]}"
    if ending not in _PARSERS:
        raise DataError(
            f"{label} is of no kind that is read here (CSV, Parquet, Feather, JSON, zip; never order books or raw "
            "streams): convert it to one"
        )
    try:
        return _PARSERS[ending](label, data)
    except (*UNREADABLE, UnicodeDecodeError, OSError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"{label} cannot be read as {ending[1:]} ({first}): it is cut off, or something else") from None


def _gunzip(label: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise DataError(f"{label} is no whole gzip file ({error}): fetch it again") from None


def _parse_csv(label: str, data: bytes) -> pl.DataFrame:
    """All columns as text first, because what is a number is decided by what the column is for."""
    head = data[: 1 << 16].decode("utf-8-sig", errors="replace")
    line = next((one for one in head.splitlines() if one.strip()), "")
    separator = max(",;\t", key=line.count)
    first = [word.strip().strip('"') for word in line.split(separator)]
    bare = _is_number(first[0])
    if bare and len(first) not in _BARE:
        raise DataError(f"{label} has no header and {len(first)} columns: put names in its first line")
    frame = pl.read_csv(io.BytesIO(data), has_header=not bare, separator=separator, infer_schema=False)
    if bare:
        frame.columns = list(_BARE[len(first)])
    if data.rstrip().rsplit(b"\n", 1)[-1].count(separator.encode()) < len(first) - 1:
        raise DataError(f"{label} ends within a line: it was cut off, fetch it again")
    return frame.rename({name: name.strip().strip('"').lstrip("\ufeff") for name in frame.columns})


def _parse_parquet(_label: str, data: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(data))


def _parse_arrow(_label: str, data: bytes) -> pl.DataFrame:
    if data.startswith(b"FEA1"):
        raise ValueError("Feather version 1, which nobody writes any more")
    return pl.read_ipc(io.BytesIO(data))


def _parse_json(label: str, data: bytes) -> pl.DataFrame:
    """Lists of candles, a list of records, or either by symbol."""
    document = json.loads(data)
    if isinstance(document, dict) and document and all(isinstance(one, list) for one in document.values()):
        pieces = [_frame_of(label, rows).with_columns(symbol=pl.lit(name)) for name, rows in document.items() if rows]
        return pl.concat(pieces)
    return _frame_of(label, document)


def _frame_of(label: str, rows: Any) -> pl.DataFrame:
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{label} holds no list of candles or prints")
    if all(isinstance(row, dict) for row in rows):
        flat = [{name: one for name, one in row.items() if not isinstance(one, list | dict)} for row in rows]
        return pl.DataFrame(flat, infer_schema_length=None, strict=False)
    lengths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if len(lengths) != 1 or not lengths <= set(_BARE):
        raise DataError(f"{label} holds rows that are no candles of [time, open, high, low, close, volume]")
    names = _BARE[lengths.pop()]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return pl.DataFrame(columns, strict=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_PARSERS: dict[str, Callable[[str, bytes], pl.DataFrame]] = {
    ".csv": _parse_csv,
    ".txt": _parse_csv,
    ".parquet": _parse_parquet,
    ".pq": _parse_parquet,
    ".feather": _parse_arrow,
    ".arrow": _parse_arrow,
    ".ipc": _parse_arrow,
    ".json": _parse_json,
}
