"""Files that are replaced whole and together: written beside the old ones, then renamed.

One file is one `rename`. For several, a list of the renames is stored first: a process that is killed
between two of them leaves the list, and the next writer finishes it. A process that is killed before
leaves files that end in `.tmp`, which the next writer removes.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore

from xsmom.errors import DataError, OutputError
from xsmom.lake.telling import telling

COMMIT = ".commit"

_SUFFIX = ".tmp"
_FILES_AT_ONCE = 8  # on their way to the disk


class Staging:
    """New files of one folder tree that are not in their place yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._renames = root / COMMIT
        self._staged: dict[Path, Path] = {}
        self._grown: set[Path] = set()  # folders that got a new entry besides the files
        self._disk: _Disk | None = None

    def current(self, path: Path) -> Path:
        """Where the newest content of `path` lies: staged, or in its place."""
        temporary = self._staged.get(path)
        if temporary is None:
            return path
        if self._disk is not None:
            self._disk.wait_for(temporary)
        return temporary

    def put(self, path: Path, make: Callable[[], bytes]) -> None:
        """Have the new content of `path` made and written beside it; `commit` waits until that is done."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
        with telling(path, OutputError):
            self._make_folder(path.parent)
        if path in self._staged:
            self.current(path).unlink(missing_ok=True)
        self._staged[path] = temporary
        self._disk = self._disk or _Disk()
        self._disk.write(path, temporary, make)

    def commit(self) -> None:
        """Put all in place, once all of it is on the disk. What is interrupted here is finished by the next writer."""
        if self._disk is not None:
            self._disk.finish()
            self._disk = None
        pairs = list(self._staged.items())
        if len(pairs) > 1:
            self._store_list(pairs)
        self._staged = {}
        _rename(pairs)
        _sync(self._grown)
        self._grown = set()
        if len(pairs) > 1:
            self._drop_list()

    def discard(self) -> None:
        """Forget what was staged."""
        if self._disk is not None:
            self._disk.drop()
            self._disk = None
        for temporary in self._staged.values():
            temporary.unlink(missing_ok=True)
        self._staged = {}

    def recover(self) -> None:
        """Finish what a killed writer had begun to put in place, and remove what it had not."""
        pairs = self._read_list()
        if pairs:
            _rename([(final, temporary) for final, temporary in pairs if temporary.exists()])
            self._drop_list()
        with telling(self._root, OutputError):
            for leftover in self._root.rglob(f".*{_SUFFIX}"):
                leftover.unlink(missing_ok=True)

    @property
    def interrupted(self) -> bool:
        """Whether a killed writer left a list of renames."""
        return self._renames.exists()

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._grown.update(parent for parent in folder.parents if parent.is_relative_to(self._root))
        folder.mkdir(parents=True, exist_ok=True)

    def _store_list(self, pairs: list[tuple[Path, Path]]) -> None:
        names = [[str(path.relative_to(self._root)) for path in pair] for pair in pairs]
        temporary = self._renames.with_name(f".commit.{os.getpid()}{_SUFFIX}")
        _write(self._renames, temporary, json.dumps(names).encode())
        _rename([(self._renames, temporary)])

    def _read_list(self) -> list[tuple[Path, Path]]:
        try:
            names = json.loads(self._renames.read_bytes())
            return [(self._inside(final), self._inside(temporary)) for final, temporary in names]
        except FileNotFoundError:
            return []
        except (OSError, TypeError, ValueError) as error:
            raise DataError(f"{self._renames} cannot be read ({error}): remove it, then import again") from None

    def _inside(self, name: str) -> Path:
        path = self._root / name
        if ".." in path.parts or not path.is_relative_to(self._root):
            raise ValueError(f"{name!r} lies outside the lake")
        return path

    def _drop_list(self) -> None:
        with telling(self._renames, OutputError):
            self._renames.unlink(missing_ok=True)
        _sync({self._root})


class _Disk:
    """Files on their way to the disk, some at a time: one after another, each would wait for the disk alone."""

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(_FILES_AT_ONCE)
        self._room = BoundedSemaphore(2 * _FILES_AT_ONCE)  # or all contents would wait in memory
        self._arriving: dict[Path, Future[None]] = {}

    def write(self, path: Path, temporary: Path, make: Callable[[], bytes]) -> None:
        """Begin to write what will be `path`."""
        self._room.acquire()
        self._arriving[temporary] = self._workers.submit(self._work, path, temporary, make)

    def wait_for(self, temporary: Path) -> None:
        """Until this file is on the disk."""
        self._arriving[temporary].result()

    def finish(self) -> None:
        """Until all are; the first trouble is told when each has had its turn."""
        self._workers.shutdown()
        for one in self._arriving.values():
            one.result()

    def drop(self) -> None:
        """Begin no more, and wait for those that were begun."""
        self._workers.shutdown(cancel_futures=True)

    def _work(self, path: Path, temporary: Path, make: Callable[[], bytes]) -> None:
        try:
            _write(path, temporary, make())
        finally:
            self._room.release()


def _write(path: Path, temporary: Path, data: bytes) -> None:
    """Write what will be `path`, down to the disk; whole, or not at all."""
    with telling(path, OutputError):
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)


def _rename(pairs: list[tuple[Path, Path]]) -> None:
    for final, temporary in pairs:
        with telling(final, OutputError):
            temporary.replace(final)
    _sync({final.parent for final, _ in pairs})


def _sync(folders: set[Path]) -> None:
    """A new name is lost with the power until its folder is on the disk."""
    with ThreadPoolExecutor(_FILES_AT_ONCE) as workers:
        for synced in [workers.submit(_sync_folder, folder) for folder in folders]:
            synced.result()


def _sync_folder(folder: Path) -> None:
    with telling(folder, OutputError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
