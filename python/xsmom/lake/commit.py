"""Files that are replaced whole and together: written beside the old ones, then renamed.

One file is one `rename`. For several, a list of the renames is stored first: a process that is killed
between two of them leaves the list, and the next writer finishes it. A process that is killed before
leaves files that end in `.tmp`, which the next writer removes.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from xsmom.errors import DataError, OutputError
from xsmom.lake.telling import telling

COMMIT = ".commit"

_SUFFIX = ".tmp"


class Staging:
    """New files of one folder tree that are not in their place yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._renames = root / COMMIT
        self._staged: dict[Path, Path] = {}
        self._grown: set[Path] = set()  # folders that got a new entry besides the files

    def current(self, path: Path) -> Path:
        """Where the newest content of `path` lies: staged, or in its place."""
        return self._staged.get(path, path)

    def put(self, path: Path, data: bytes) -> None:
        """Write the new content of `path` beside it, down to the disk."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
        with telling(path, OutputError):
            self._make_folder(path.parent)
            try:
                _write(temporary, data)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        before = self._staged.get(path)
        self._staged[path] = temporary
        if before is not None:
            before.unlink(missing_ok=True)

    def commit(self) -> None:
        """Put all in place. What is interrupted here is finished by the next writer."""
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
        with telling(self._renames, OutputError):
            try:
                _write(temporary, json.dumps(names).encode())
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
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


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _rename(pairs: list[tuple[Path, Path]]) -> None:
    for final, temporary in pairs:
        with telling(final, OutputError):
            temporary.replace(final)
    _sync({final.parent for final, _ in pairs})


def _sync(folders: set[Path]) -> None:
    """A new name is lost with the power until its folder is on the disk."""
    for folder in folders:
        with telling(folder, OutputError):
            file = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
