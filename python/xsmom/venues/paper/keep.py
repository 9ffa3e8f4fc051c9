"""A file that holds the newest state of an account, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from xsmom.errors import OutputError


class Keep:
    """Writes beside the file, then puts it in its place; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def wanted(self) -> bool:
        """Whether there is a file to write."""
        return self._path is not None

    def read(self) -> bytes | None:
        """What was written last; none before the first time."""
        if self._path is None or not self._path.exists():
            return None
        return self._path.read_bytes()

    def write(self, state: bytes) -> None:
        """Replace what was written."""
        if self._path is None:
            return
        beside = self._path.with_name(self._path.name + ".new")
        try:
            with beside.open("wb") as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written ({error.strerror}): the paper account is not kept"
            ) from error
