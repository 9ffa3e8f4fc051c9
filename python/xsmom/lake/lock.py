"""One writer or many readers of a folder, between processes: `flock` on a file that stays.

The kernel gives the lock back however a process ends, so none is ever stale.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from xsmom.errors import DataError, OutputError

PATIENCE_S = 2.0
"""How long a process waits for one that holds the lock only for a moment."""

_POLL_S = 0.05
_PROC_LOCKS = Path("/proc/locks")


class FileLock:
    """A lock that is held from `acquire` to `release`."""

    def __init__(self, path: Path, subject: str) -> None:
        self._path, self._subject = path, subject
        self._file = -1

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file >= 0

    def acquire(self, *, exclusive: bool) -> None:
        """Take the lock, or say which process has it."""
        file = self._open(exclusive=exclusive)
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        deadline_s = time.monotonic() + PATIENCE_S
        while not _try(file, how):
            if time.monotonic() > deadline_s:
                sentence = self._busy(os.fstat(file).st_ino, exclusive=exclusive)
                os.close(file)
                raise DataError(sentence)
            time.sleep(_POLL_S)
        self._file = file

    def try_exclusive(self) -> bool:
        """Take it for writing if nobody has it."""
        file = self._open(exclusive=True)
        if _try(file, fcntl.LOCK_EX):
            self._file = file
            return True
        os.close(file)
        return False

    def release(self) -> None:
        """Give it back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self, *, exclusive: bool) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY, 0o666)
        except OSError as error:
            kind, deed = (OutputError, "written") if exclusive else (DataError, "read")
            raise kind(
                f"{self._subject} cannot be {deed} ({self._path.name}: {(error.strerror or str(error)).lower()}): "
                "see to the rights of that folder, or choose another lake"
            ) from error

    def _busy(self, inode: int, *, exclusive: bool) -> str:
        holders = _holders(inode)
        writes = not exclusive or any(how == "WRITE" for how, _ in holders)
        others = sorted({pid for how, pid in holders if how == "WRITE" or not writes})
        who = " and ".join(f"process {pid}" for pid in others) or "another process"
        return f"{self._subject} is being {'written' if writes else 'read'} by {who}: wait, or stop it"


def _try(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(inode: int) -> list[tuple[str, int]]:
    """(READ or WRITE, process) of each lock on the file, as Linux tells; nothing elsewhere."""
    try:
        lines = _PROC_LOCKS.read_text("ascii").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines if "->" not in line]
    mine = [words for words in fields if len(words) > 5 and words[1] == "FLOCK" and words[5].endswith(f":{inode}")]
    return [(words[3], int(words[4])) for words in mine if int(words[4]) > 0]
