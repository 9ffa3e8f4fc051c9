"""The exception tree. Each class says by `response` what its catcher must do: data, not prose."""

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
    """Root of everything that this package raises on purpose."""

    response: ClassVar[Response] = Response.HALT
    exit_code: ClassVar[int] = 1


class ConfigError(XsmomError):
    """A setting is unknown, out of range, contradictory or not available; the text names the mend."""

    exit_code: ClassVar[int] = 3


class DataError(XsmomError):
    """A file, frame or panel cannot be what it claims to be."""

    exit_code: ClassVar[int] = 4


class KernelError(DataError):
    """The Rust core refused its input; raised from the extension module."""


class MissingExtraError(XsmomError):
    """An optional part of the package is not installed; the text holds the pip line."""

    exit_code: ClassVar[int] = 5
