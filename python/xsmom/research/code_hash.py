"""Which code computed a result: one hash of the core and of every module of the package."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from xsmom import _core

_PACKAGE = Path(__file__).parents[1]


@cache
def hash_code() -> str:
    """SHA-256 of the names and bytes of the core's binary and of all Python files, in order of their names."""
    whole = hashlib.sha256()
    for path in (Path(_core.__file__), *sorted(_PACKAGE.rglob("*.py"))):
        name = path.name if path.suffix != ".py" else path.relative_to(_PACKAGE).as_posix()
        whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
