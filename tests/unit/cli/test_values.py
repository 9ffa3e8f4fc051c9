"""Values that are read without typer's validators are what those would make of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer import core
from typer._coercion import build_runtime_param
from typer.main import get_command

from xsmom.cli.values import PlainParam, read_plainly

READ: list[dict[str, Any]] = []
app = typer.Typer(add_completion=False)


@app.command()
def take(
    where: Annotated[Path, typer.Argument()],
    text: Annotated[str | None, typer.Option()] = None,
    names: Annotated[list[str] | None, typer.Option("--name")] = None,
    places: Annotated[list[Path] | None, typer.Option("--place")] = None,
    there: Annotated[Path | None, typer.Option(exists=True, dir_okay=False)] = None,
    count: Annotated[int, typer.Option(min=0, max=10)] = 3,
    numbers: Annotated[list[int] | None, typer.Option("--number")] = None,
    share: Annotated[float, typer.Option(max=1)] = 0.5,
    flag: Annotated[bool, typer.Option("--flag/--no-flag")] = True,
) -> None:
    """Note what came."""
    READ.append(dict(locals()))


def run(line: list[str], reader: Any, monkeypatch: pytest.MonkeyPatch) -> object:
    """What the function got, or typer's sentence."""
    monkeypatch.setattr(core, "build_runtime_param", reader)
    READ.clear()
    try:
        get_command(app).main(line, prog_name="take", standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()
    return READ[0]


LINES = [
    ["a"],
    [""],
    ["."],
    ["a\0b"],
    ["-"],
    ["a", "--text", ""],
    ["a", "--text", "\u00e9", "--name", "x", "--name", "x"],
    ["a", "--place", "b", "--place", "/"],
    ["a", "--there", "nowhere"],
    ["a", "--there", "/"],
    ["a", "--there", __file__],
    ["a", "--flag", "--share", "0.25"],
    ["a", "--no-flag", "--share", "2"],
    *(["a", "--count", text] for text in ("0", "10", "11", "-1", "+1", "1.0", " 1", "1_0", "0x1", "", "x", "\u0661")),
    *(["a", "--number", "1", "--number", text] for text in ("2", "-2", "007", "9" * 15, "9" * 16, "9" * 5000)),
    [],
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line)[:40] or "nothing")
def test_values_are_read_as_typer_reads_them(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = run(line, PlainParam, monkeypatch), run(line, build_runtime_param, monkeypatch)
    assert mine == theirs
    assert repr(mine) == repr(theirs)


def test_the_name_that_is_replaced_is_there() -> None:
    """Typer may rename it with a minor version; without it commands work, and start as slowly as before."""
    code = "import typer.core, typer._coercion as c; print(typer.core.build_runtime_param is c.build_runtime_param)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "True"
    read_plainly()
    assert vars(core)["build_runtime_param"] is PlainParam
