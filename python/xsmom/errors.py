"""The exception tree. Each class says by `response` what its catcher must do: data, not prose.

`exit_code` is what the command `xsmom` ends with when the error reaches it; the page
docs/reference/exit-codes.md is generated from this file. The tens are the families.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Response(Enum):
    """What a caller does when it meets the error."""

    RETRY = "retry"
    SKIP = "skip"
    RECONCILE = "reconcile"
    HALT = "halt"


class XsmomError(Exception):
    """Something that this package refuses or cannot do, said in one sentence with the mend."""

    response: ClassVar[Response] = Response.HALT
    exit_code: ClassVar[int] = 1


class ConfigError(XsmomError):
    """A setting is unknown, out of range, contradictory or not available."""

    exit_code: ClassVar[int] = 3


class DataError(XsmomError):
    """A file, frame or panel cannot be what it claims to be."""

    exit_code: ClassVar[int] = 4


class KernelError(DataError):
    """The Rust core refused its input; raised from the extension module."""


class MissingExtraError(XsmomError):
    """An optional part of the package is not installed; the text holds the pip line."""

    exit_code: ClassVar[int] = 5


class OutputError(XsmomError):
    """A file or folder that should be written is in the way, read-only or out of space."""

    exit_code: ClassVar[int] = 6


class VenueError(XsmomError):
    """An exchange did not do what was asked; the subclasses say what is known about the request."""

    exit_code: ClassVar[int] = 10


class Unavailable(VenueError):
    """The request never took effect: no connection, maintenance, or a time-out before sending."""

    response: ClassVar[Response] = Response.RETRY
    exit_code: ClassVar[int] = 11


class RateLimited(VenueError):
    """The exchange asked for a pause; the request did not take effect."""

    response: ClassVar[Response] = Response.RETRY
    exit_code: ClassVar[int] = 12


class Rejected(VenueError):
    """The exchange understood the request and said no; sending it again would be refused again."""

    response: ClassVar[Response] = Response.SKIP
    exit_code: ClassVar[int] = 13


class OutcomeUnknown(VenueError):
    """The request may or may not have taken effect: look the order up before anything else."""

    response: ClassVar[Response] = Response.RECONCILE
    exit_code: ClassVar[int] = 14


class AuthFailed(VenueError):
    """The exchange does not accept the keys, or they lack a permission."""

    exit_code: ClassVar[int] = 15


class StateError(XsmomError):
    """What we remember cannot be right."""

    exit_code: ClassVar[int] = 20


class BookMismatch(StateError):
    """Our book and the account at the exchange disagree."""

    response: ClassVar[Response] = Response.RECONCILE
    exit_code: ClassVar[int] = 21


class JournalCorrupt(StateError):
    """The journal has a gap, a repeated number or an entry that cannot be read."""

    exit_code: ClassVar[int] = 22
