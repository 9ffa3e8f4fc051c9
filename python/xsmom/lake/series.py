"""What the lake holds: series of bars, mark prices and funding, each with all that is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self, get_args
from urllib.parse import quote, unquote

from xsmom.domain.timeframe import format_timeframe, parse_timeframe
from xsmom.errors import DataError
from xsmom.lake.spans import Span

Kind = Literal["bars", "mark", "funding"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BAR_KINDS: tuple[Kind, ...] = ("bars", "mark")

BAR_COLUMNS = ("open_ms", "open", "high", "low", "close", "volume", "volume_usdt")
FUNDING_COLUMNS = ("at_ms", "rate_frac")

VENUE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FOLDER_BYTES_MAX = 200  # file systems end at 255


@dataclass(frozen=True, order=True, slots=True)
class SeriesKey:
    """One series: which exchange, what, how long a bar, which symbol. Funding has no timeframe."""

    venue: str
    kind: Kind
    timeframe: str
    symbol: str

    def __post_init__(self) -> None:
        """Refuse what could not be a folder, or would be the same series under two names."""
        if not VENUE.fullmatch(self.venue):
            raise DataError(f"venue {self.venue!r} cannot name a folder: use small letters, digits, _ and -")
        if self.kind not in KINDS:
            raise DataError(f"kind {self.kind!r} is not known: {', '.join(KINDS)}")
        if self.kind == "funding":
            if self.timeframe:
                raise DataError(f"funding has no timeframe, {self.timeframe!r} was given")
        elif self.timeframe != format_timeframe(parse_timeframe(self.timeframe)):
            usual = format_timeframe(parse_timeframe(self.timeframe))
            raise DataError(f"timeframe {self.timeframe!r} is written {usual} in the lake")
        name = folder_name(self.symbol)
        if not self.symbol or self.symbol != self.symbol.strip() or len(name) > _FOLDER_BYTES_MAX:
            raise DataError(f"symbol {self.symbol!r} cannot name a folder: it is empty, padded or too long")

    @property
    def stamp(self) -> str:
        """The column of time: the open of a bar, or the instant of a print."""
        return "at_ms" if self.kind == "funding" else "open_ms"

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in order."""
        return FUNDING_COLUMNS if self.kind == "funding" else BAR_COLUMNS

    @property
    def bar_ms(self) -> int:
        """Length of a bar; 0 for funding, whose prints come when the exchange settles."""
        return 0 if self.kind == "funding" else parse_timeframe(self.timeframe)

    @property
    def folder(self) -> str:
        """Where its parts lie, below the lake."""
        inner = (self.kind,) if self.kind == "funding" else (self.kind, self.timeframe)
        return "/".join((self.venue, *inner, folder_name(self.symbol)))

    def __str__(self) -> str:
        """As messages name it: `binance BTCUSDT bars 1h`."""
        return " ".join(word for word in (self.venue, self.symbol, self.kind, self.timeframe) if word)


def folder_name(symbol: str) -> str:
    """The symbol itself where it is a plain name; else other characters percent-encoded."""
    name = quote(symbol, safe="").replace("~", "%7E")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def symbol_of(folder: str) -> str:
    """Undo `folder_name`."""
    return unquote(folder)


class Source(NamedTuple):
    """Where rows came from. `set_end_ms` is the newest stamp of the whole set that a file was part of."""

    what: Literal["download", "import"]
    origin: str
    at_ms: int
    sha256: str | None = None
    set_end_ms: int | None = None

    def same_as(self, other: Self) -> bool:
        """Whether both name one origin, whenever it was read."""
        return (self.what, self.origin, self.sha256) == (other.what, other.origin, other.sha256)


class Hole(NamedTuple):
    """A range that was asked for and not answered."""

    span: Span
    why: str


@dataclass(frozen=True)
class SeriesInfo:
    """What the manifests of one series say together; no row is read for it."""

    key: SeriesKey
    rows: int
    first_ms: int | None
    last_ms: int | None
    covered: tuple[Span, ...]
    holes: tuple[Hole, ...]
    sources: tuple[Source, ...]
    revised_rows: int
    bytes: int
    content_sha256: str
    part_sha256: dict[int, str] = field(default_factory=dict)
