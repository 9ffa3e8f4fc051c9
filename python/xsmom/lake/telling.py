"""What the operating system refuses, said in one sentence with the file's name."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType

from xsmom.errors import XsmomError

_NUMBER = re.compile(r" \(os error \d+\)$")  # which polars adds to the system's words


class telling:  # noqa: N801  reads as a verb: `with telling(path, DataError):`
    """Turns an `OSError` into an error of ours that names the file."""

    def __init__(self, path: Path, kind: type[XsmomError]) -> None:
        self._path, self._kind = path, kind

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate an OSError."""
        if isinstance(error, OSError):
            reason = _NUMBER.sub("", error.strerror or str(error)).lower()
            raise self._kind(f"{self._path}: {reason}") from error
