"""Values of a command line that need no more than Python to be read: text, paths, whole numbers.

Typer reads every value through a validator of pydantic, whose import costs as much as a short command. What
is plainly right is read here; all else goes typer's way, with typer's words for what is wrong.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_origin

from typer import core
from typer._coercion import build_runtime_param
from typer._param_types import coerce_cli_path

_WHOLE = re.compile(r"-?[0-9]{1,15}", re.ASCII)


class _NotPlainError(Exception):
    """For typer to judge."""


class PlainParam:
    """How one parameter of a command reads what was given; stands where typer keeps its own reader."""

    def __init__(self, descriptor: Any) -> None:
        self._descriptor = descriptor

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command's function takes it."""
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        try:
            return self._read(value, many=many, param=param, ctx=ctx)
        except _NotPlainError:
            return build_runtime_param(self._descriptor).coerce(value, param=param, ctx=ctx)

    def _read(self, value: Any, *, many: bool, param: Any, ctx: Any) -> Any:
        info, kind = self._descriptor.parameter_info, self._descriptor.annotation
        if info.parser is not None or self._descriptor.file_annotation is not None:
            raise _NotPlainError
        if not many:
            return self._one(kind, value, param, ctx)
        if get_origin(kind) is not list or not isinstance(value, list | tuple):
            raise _NotPlainError
        (inner,) = get_args(kind)
        return [self._one(inner, item, param, ctx) for item in value]

    def _one(self, kind: Any, value: Any, param: Any, ctx: Any) -> Any:
        info = self._descriptor.parameter_info
        if kind is Path and isinstance(value, str | Path) and "\0" not in str(value):
            return coerce_cli_path(Path(value), info, path_type=Path, param=param, ctx=ctx)
        if kind is str and type(value) is str:
            return value
        if kind is int and info.clamp is not True:
            return _whole(value, info.min, info.max)
        raise _NotPlainError


def _whole(value: Any, low: float | None, high: float | None) -> int:
    if type(value) is str and _WHOLE.fullmatch(value):
        value = int(value)
    if type(value) is not int or (low is not None and value < low) or (high is not None and value > high):
        raise _NotPlainError
    return value


def read_plainly() -> None:
    """Let every parameter of every command read its values so."""
    # Typer makes a parameter's reader by this name, when the first value comes; it offers no other place.
    vars(core)["build_runtime_param"] = PlainParam
