"""One part of a series: the rows of a UTC year as Parquet, its manifest in the footer of the same file.

Rows and manifest are replaced by one rename, so they cannot disagree; what was changed by other hands is
seen, because the manifest says how many rows there are, from when to when, and their hash.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from xsmom.errors import DataError
from xsmom.lake.series import Hole, SeriesKey, Source
from xsmom.lake.spans import Span
from xsmom.lake.telling import telling

VERSION = 1
FOOTER_KEY = "xsmom"

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises at a broken file; a panic is no `Exception`, and no reason for the process to end."""

AGAIN = "remove it, then download or import that year again"


@dataclass(frozen=True)
class Manifest:
    """What the footer of a part says."""

    key: SeriesKey
    year: int
    rows: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    content_sha256: str = ""
    sources: tuple[Source, ...] = ()
    covered: tuple[Span, ...] = ()
    holes: tuple[Hole, ...] = ()
    revised_rows: int = 0

    def of(self, frame: pl.DataFrame) -> Manifest:
        """The same manifest for these rows."""
        first, last = _ends(self.key, frame)
        return replace(self, rows=len(frame), first_ms=first, last_ms=last, content_sha256=hash_rows(frame))


def schema_of(key: SeriesKey) -> dict[str, pl.DataType]:
    """Columns of a part and their types."""
    return {name: pl.Int64() if name == key.stamp else pl.Float64() for name in key.columns}


def empty_rows(key: SeriesKey) -> pl.DataFrame:
    """A frame of the series without rows."""
    return pl.DataFrame(schema=schema_of(key))


def hash_rows(frame: pl.DataFrame) -> str:
    """The sha256 over the values of each column and over what is missing, not over the file's bytes."""
    digest = sha256()
    for column in frame.get_columns():
        missing = column.null_count()
        digest.update(f"{column.name}:{len(column)}:{missing};".encode())
        if missing == len(column):
            continue
        values = column
        if missing:
            digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
            values = column.fill_null(0)
        digest.update(np.ascontiguousarray(values.to_numpy()).view(np.uint8).data)
    return digest.hexdigest()


def encode(manifest: Manifest, frame: pl.DataFrame) -> bytes:
    """The whole file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata={FOOTER_KEY: _to_json(manifest)})
    return buffer.getvalue()


def read_manifest(path: Path, key: SeriesKey, year: int) -> Manifest:
    """The footer alone."""
    with telling(path, DataError):
        try:
            footer = pl.read_parquet_metadata(path)
        except UNREADABLE as error:
            raise _broken(path, error) from None
    return _from_json(path, footer, key, year)


def read_part(path: Path, key: SeriesKey, year: int) -> tuple[Manifest, pl.DataFrame]:
    """Manifest and rows, of one and the same file whoever renames another over it."""
    with telling(path, DataError):
        data = path.read_bytes()
    manifest = _read_footer(path, data, key, year)
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except UNREADABLE as error:
        raise _broken(path, error) from None
    _refuse_misfit(path, manifest, frame)
    return manifest, frame


def read_parts(paths: Mapping[int, Path], key: SeriesKey) -> tuple[list[Manifest], pl.DataFrame]:
    """`read_part` of several years, their rows as one frame: one call, because each costs as much as a part."""
    data = []
    for path in paths.values():
        with telling(path, DataError):
            data.append(path.read_bytes())
    manifests = [_read_footer(path, part, key, year) for (year, path), part in zip(paths.items(), data, strict=True)]
    try:
        frame = pl.read_parquet(list[IO[bytes]](io.BytesIO(part) for part in data))
    except UNREADABLE:
        frame = None
    if frame is not None and _fit(manifests, frame):
        return manifests, frame
    # Something is wrong: part by part it has a name.
    parts = [read_part(path, key, year) for year, path in paths.items()]
    return [manifest for manifest, _ in parts], pl.concat([rows for _, rows in parts])


def split_parts(manifests: Sequence[Manifest], frame: pl.DataFrame) -> Iterator[tuple[Manifest, pl.DataFrame]]:
    """Give each manifest its rows of one frame."""
    begin = 0
    for manifest in manifests:
        yield manifest, frame[begin : begin + manifest.rows]
        begin += manifest.rows


def _fit(manifests: Sequence[Manifest], frame: pl.DataFrame) -> bool:
    """Whether the rows of all parts are as many, and where each begins and ends, as their manifests say."""
    if dict(frame.schema) != schema_of(manifests[0].key) or len(frame) != sum(part.rows for part in manifests):
        return False
    stamps, begin = frame[manifests[0].key.stamp].to_numpy(), 0
    for part in manifests:
        end = begin + part.rows
        ends = (int(stamps[begin]), int(stamps[end - 1])) if part.rows else (None, None)
        if ends != (part.first_ms, part.last_ms):
            return False
        begin = end
    return True


def _ends(key: SeriesKey, frame: pl.DataFrame) -> tuple[int | None, int | None]:
    stamps = frame[key.stamp]
    return (stamps[0], stamps[-1]) if len(stamps) else (None, None)


def _read_footer(path: Path, data: bytes, key: SeriesKey, year: int) -> Manifest:
    try:
        footer = pl.read_parquet_metadata(io.BytesIO(data))
    except UNREADABLE as error:
        raise _broken(path, error) from None
    return _from_json(path, footer, key, year)


def _refuse_misfit(path: Path, manifest: Manifest, frame: pl.DataFrame) -> None:
    key = manifest.key
    if dict(frame.schema) != schema_of(key):
        raise DataError(f"{path} holds columns {', '.join(frame.columns)}, not those of {key.kind}: {AGAIN}")
    if (len(frame), *_ends(key, frame)) != (manifest.rows, manifest.first_ms, manifest.last_ms):
        raise DataError(f"{path} holds {len(frame):,} rows and its manifest says {manifest.rows:,}: {AGAIN}")


def _broken(path: Path, error: BaseException) -> DataError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"{path} is no whole Parquet file ({first}): {AGAIN}")


def _to_json(manifest: Manifest) -> str:
    key = manifest.key
    document = {
        "version": VERSION,
        "venue": key.venue,
        "kind": key.kind,
        "timeframe": key.timeframe,
        "symbol": key.symbol,
        "year": manifest.year,
        "rows": manifest.rows,
        "first_ms": manifest.first_ms,
        "last_ms": manifest.last_ms,
        "content_sha256": manifest.content_sha256,
        "sources": [_source_to_json(source) for source in manifest.sources],
        "covered": [list(span) for span in manifest.covered],
        "holes": [[*hole.span, hole.why] for hole in manifest.holes],
        "revised_rows": manifest.revised_rows,
    }
    return json.dumps(document, separators=(",", ":"))


def _source_to_json(source: Source) -> dict[str, Any]:
    given = {"what": source.what, "from": source.origin, "at_ms": source.at_ms}
    more = {"sha256": source.sha256, "set_end_ms": source.set_end_ms}
    return {**given, **{name: value for name, value in more.items() if value is not None}}


def _from_json(path: Path, footer: dict[str, str], key: SeriesKey, year: int) -> Manifest:
    """Read the manifest, and hold it against the place where the file lies."""
    if FOOTER_KEY not in footer:
        raise DataError(f"{path} was not written by xsmom: move it out of the lake, `xsmom data import` reads it")
    try:
        told = json.loads(footer[FOOTER_KEY])
        if told["version"] > VERSION:
            raise DataError(f"{path} has format {told['version']}, this xsmom reads up to {VERSION}: upgrade xsmom")
        manifest = _parse(told)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path} has a manifest that cannot be understood ({error!r}): {AGAIN}") from None
    if (manifest.key, manifest.year) != (key, year):
        raise DataError(
            f"{path} says it is {manifest.key} of {manifest.year}: move it back to where it belongs, or remove it"
        )
    return manifest


def _parse(told: dict[str, Any]) -> Manifest:
    return Manifest(
        key=SeriesKey(told["venue"], told["kind"], told["timeframe"], told["symbol"]),
        year=told["year"],
        rows=told["rows"],
        first_ms=told["first_ms"],
        last_ms=told["last_ms"],
        content_sha256=told["content_sha256"],
        sources=tuple(_parse_source(source) for source in told["sources"]),
        covered=_parse_spans(told["covered"]),
        holes=tuple(Hole(Span(start, end), why) for start, end, why in told["holes"]),
        revised_rows=told["revised_rows"],
    )


def _parse_source(told: dict[str, Any]) -> Source:
    return Source(told["what"], told["from"], told["at_ms"], told.get("sha256"), told.get("set_end_ms"))


def _parse_spans(told: Sequence[Sequence[int]]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in told)
