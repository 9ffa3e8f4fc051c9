"""The panel file: a small header, then every array of the panel as it lies in memory.

Opening it is one `mmap`: no parsing, no copy, nothing read but the pages that are looked at, so a
panel may be larger than memory. Layout, with all numbers little-endian:

    0   8 bytes   magic `XSMPANEL`
    8   u32       format version
    12  u32       bytes of JSON that follow the prefix
    16  32 bytes  sha256 of that JSON
    48  JSON      size, clock, symbols, label, provenance, content hash, table of blocks
    ..            blocks of i64 or f64, each at a multiple of 64 bytes, rows by (close_ms, symbol)

Written to a temporary file beside the target and renamed when whole: a reader sees the old panel or
the new one. What a killed writer left beside the target is removed by the next.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xsmom.domain.panel import CELL_FIELDS, Panel
from xsmom.domain.panel_hash import BLOCKS, canonical_rows, join_digests, raw_bytes
from xsmom.domain.stamps import format_ms
from xsmom.errors import DataError, OutputError
from xsmom.lake.beside import open_beside, remove_leftovers
from xsmom.lake.telling import telling

MAGIC = b"XSMPANEL"
VERSION = 1

_PREFIX = struct.Struct("<8sII32s")
_ALIGN = 64
_HEADER_BYTES_MAX = 64 << 20
_NO_DIGEST = "0" * 64
_DTYPES = {"i8": np.dtype("<i8"), "f8": np.dtype("<f8")}


@dataclass(frozen=True)
class Block:
    """Where one array lies in the file."""

    name: str
    dtype: str
    offset: int
    nbytes: int
    sha256: str


@dataclass(frozen=True)
class PanelHeader:
    """All that a panel file says about itself without a look at its cells."""

    bars: int
    bar_ms: int
    first_close_ms: int
    symbols: tuple[str, ...]
    label: str
    provenance: Mapping[str, Any]
    hash: str
    blocks: tuple[Block, ...]

    @property
    def last_close_ms(self) -> int:
        """Close of the newest bar."""
        return self.first_close_ms + (self.bars - 1) * self.bar_ms

    @property
    def file_bytes(self) -> int:
        """Length of the whole file."""
        return max(block.offset + block.nbytes for block in self.blocks)


class PanelWriter:
    """Writes a panel file in pieces of rows, so that the whole need never be in memory.

    A context manager: leaving it normally puts the file in its place, leaving it by an exception
    leaves no trace.
    """

    def __init__(
        self,
        path: Path,
        *,
        symbols: tuple[str, ...],
        bars: int,
        bar_ms: int,
        first_close_ms: int,
        listed_ms: NDArray[np.int64],
        delisted_ms: NDArray[np.int64],
        label: str = "",
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        blocks = _lay_out(symbols, bars, label, provenance or {})
        self._header = PanelHeader(bars, bar_ms, first_close_ms, symbols, label, provenance or {}, _NO_DIGEST, blocks)
        self._dates = {"listed_ms": listed_ms, "delisted_ms": delisted_ms}
        self._digests = {block.name: hashlib.sha256() for block in blocks}
        self._places = {block.name: block.offset for block in blocks}
        self._bars_written = 0
        self._path = path
        self._temporary: Path | None = None
        self._file = -1

    def __enter__(self) -> Self:
        """Make the temporary file and write the listing dates."""
        with telling(self._path, OutputError):
            remove_leftovers(self._path)
            self._file, self._temporary = open_beside(self._path)
        try:
            for name, stamps in self._dates.items():
                self._write(name, stamps)
        except BaseException:
            self._discard()
            raise
        return self

    def append(self, rows: Panel) -> None:
        """Write the next rows; they must continue the clock of those before, for the same symbols."""
        header = self._header
        next_ms = header.first_close_ms + self._bars_written * header.bar_ms
        if rows.symbols != header.symbols or rows.bar_ms != header.bar_ms or rows.close_ms[0] != next_ms:
            found = format_ms(int(rows.close_ms[0]))
            raise DataError(
                f"{self._path}: rows from {found} do not continue the panel at {format_ms(next_ms)} "
                "with the same symbols and bar length"
            )
        if self._bars_written + rows.bars > header.bars:
            raise DataError(f"{self._path}: more rows than the {header.bars} bars that were announced")
        for name in CELL_FIELDS:
            self._write(name, getattr(rows, name))
        self._bars_written += rows.bars

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the whole file in its place, or remove what there is of it."""
        try:
            if error is None:
                self._finish()
        finally:
            self._discard()

    def _write(self, name: str, array: NDArray[Any]) -> None:
        for rows in canonical_rows(array):
            self._digests[name].update(rows)
            self._put(rows, self._places[name])
            self._places[name] += len(rows)

    def _put(self, data: bytes | memoryview, offset: int) -> None:
        rest = memoryview(data)
        with telling(self._path, OutputError):
            while rest:
                written = os.pwrite(self._file, rest, offset)
                rest, offset = rest[written:], offset + written

    def _finish(self) -> None:
        header = self._header
        if self._bars_written != header.bars:
            raise DataError(f"{self._path}: only {self._bars_written} of {header.bars} bars were given")
        digests = [self._digests[name].hexdigest() for name in BLOCKS]
        content = join_digests(header.symbols, header.bar_ms, header.first_close_ms, header.bars, digests)
        blocks = [{**vars(block), "sha256": sha} for block, sha in zip(header.blocks, digests, strict=True)]
        self._put(_pack({**vars(header), "hash": content, "blocks": blocks}), 0)
        assert self._temporary is not None
        with telling(self._path, OutputError):
            os.fsync(self._file)
            os.replace(self._temporary, self._path)  # noqa: PTH105  beside fsync, in one idiom
            self._temporary = None
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # or the rename itself may be lost with the power
            finally:
                os.close(folder)

    def _discard(self) -> None:
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
            self._temporary = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_header(path: Path) -> PanelHeader:
    """Read and check the header of a panel file, not its cells."""
    with telling(path, DataError), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(_PREFIX.size)
        header_bytes = _check_prefix(path, prefix)
        text = file.read(header_bytes)
    if len(text) < header_bytes or hashlib.sha256(text).digest() != prefix[16:48]:
        raise DataError(f"{path} is a panel file with a broken header: write it again")
    header = _parse(path, text)
    if size != header.file_bytes:
        raise DataError(
            f"{path} holds {size:,} bytes and should hold {header.file_bytes:,}: it was cut off or added to; "
            "write it again"
        )
    return header


def map_blocks(path: Path, header: PanelHeader) -> dict[str, NDArray[Any]]:
    """Give the arrays of a panel file as read-only views of the mapped file."""
    with telling(path, DataError), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < header.file_bytes:
            # Views beyond the end would kill the process with SIGBUS, not with an exception.
            raise DataError(f"{path} became shorter while it was opened: open it again")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays: dict[str, NDArray[Any]] = {}
    for block in header.blocks:
        dtype = _DTYPES[block.dtype]
        array = np.frombuffer(mapped, dtype, count=block.nbytes // dtype.itemsize, offset=block.offset)
        arrays[block.name] = array.reshape(header.bars, -1) if block.name in CELL_FIELDS else array
    return arrays


def verify_blocks(path: Path, header: PanelHeader, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Hash every block and the whole; a flipped bit anywhere is named by its block."""
    digests = []
    for block in header.blocks:
        digest = hashlib.sha256(raw_bytes(arrays[block.name])).hexdigest()
        if digest != block.sha256:
            raise DataError(f"{path}: {block.name} is not what was written (sha256 differs): write it again")
        digests.append(digest)
    content = join_digests(header.symbols, header.bar_ms, header.first_close_ms, header.bars, digests)
    if content != header.hash:
        raise DataError(f"{path}: the content hash does not fit the blocks: write the file again")


def _lay_out(symbols: tuple[str, ...], bars: int, label: str, provenance: Mapping[str, Any]) -> tuple[Block, ...]:
    """Place the blocks behind a header whose length is known before its digests are."""
    sizes = [
        (name, *(("f8", 8 * bars * len(symbols)) if name in CELL_FIELDS else ("i8", 8 * len(symbols))))
        for name in BLOCKS
    ]
    # A first guess with the widest numbers: offsets of any length fit, the gap is zeros.
    widest = [Block(name, dtype, 10**18, nbytes, _NO_DIGEST) for name, dtype, nbytes in sizes]
    wide = PanelHeader(bars, 10**18, -(10**18), symbols, label, provenance, _NO_DIGEST, tuple(widest))
    offset = len(_pack({**vars(wide), "blocks": [vars(block) for block in widest]}))
    blocks = []
    for name, dtype, nbytes in sizes:
        offset = -(-offset // _ALIGN) * _ALIGN
        blocks.append(Block(name, dtype, offset, nbytes, _NO_DIGEST))
        offset += nbytes
    return tuple(blocks)


def _pack(header: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"provenance does not fit into JSON: {error}") from error
    return _PREFIX.pack(MAGIC, VERSION, len(text), hashlib.sha256(text).digest()) + text


def _check_prefix(path: Path, prefix: bytes) -> int:
    if len(prefix) < _PREFIX.size or not prefix.startswith(MAGIC):
        what = "is empty" if not prefix else "is not a panel file"
        raise DataError(f"{path} {what}: make one with `xsmom data sample` or Panel.save")
    _, version, header_bytes, _ = _PREFIX.unpack(prefix)
    if version > VERSION:
        raise DataError(f"{path} has format {version}, this xsmom reads up to {VERSION}: upgrade xsmom")
    if version < 1 or header_bytes > _HEADER_BYTES_MAX:
        raise DataError(f"{path} is a panel file with a broken header: write it again")
    return int(header_bytes)


def _parse(path: Path, text: bytes) -> PanelHeader:
    try:
        fields = json.loads(text)
        fields["blocks"] = tuple(Block(**block) for block in fields["blocks"])
        fields["symbols"] = tuple(fields["symbols"])
        header = PanelHeader(**fields)
        names = tuple(block.name for block in header.blocks)
        sizes = [8 * len(header.symbols) * (header.bars if name in CELL_FIELDS else 1) for name in names]
        numbers = [header.bars, header.bar_ms, header.first_close_ms, *(b.offset for b in header.blocks)]
        fits = names == BLOCKS and sizes == [block.nbytes for block in header.blocks]
        fits = fits and all(type(number) is int for number in numbers) and min(header.bars, header.bar_ms) > 0
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} has a header that cannot be understood ({error}): write it again") from error
    if not fits or any(b.dtype not in _DTYPES or b.offset % 8 or b.offset < 0 for b in header.blocks):
        raise DataError(f"{path} has a header whose blocks do not fit its size: write it again")
    return header
