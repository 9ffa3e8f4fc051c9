"""A new file beside the one that it will replace, and what is left of such files by processes that were killed.

Whoever writes one holds a lock on it, which the kernel gives back however a process ends. So a file that can
be locked has no writer any more, whatever process bears the number in its name today.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path


def open_beside(path: Path) -> tuple[int, Path]:
    """Make the file that is to replace `path`; it is locked until it is closed."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # a file system without locks: then nobody takes it for a leftover either
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return file, temporary
        os.close(file)  # somebody took it for a leftover before it was locked


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` left beside it. What this user may not touch stays."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9]+-[0-9a-f]{{8}}\.tmp")
    for entry in path.parent.iterdir():
        if ours.fullmatch(entry.name):
            _remove_dead(entry)


def _remove_dead(temporary: Path) -> None:
    try:
        file = os.open(temporary, os.O_WRONLY)
    except OSError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.unlink()
    except OSError:
        return  # it is being written, or it is gone
    finally:
        os.close(file)
