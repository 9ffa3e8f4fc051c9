"""What `--grid` and `--range` say, as the axes of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence

import typer

from xsmom.config.document import plain_value
from xsmom.config.tree import Key, tree
from xsmom.config.wording import Entry, refusal, refuse
from xsmom.research.draws import Axis, Choices, Range, Scale, combine, count_combinations, draw

CONFIGS_MAX = 100_000
_GRID = "such as strategy.signal_power=1,1.35,2"
_RANGE = "such as strategy.signal_power=0.5:2, or strategy.vol_lookback=24:240:log"


def read_axes(grids: Sequence[str], ranges: Sequence[str]) -> list[Axis]:
    """All axes in the order of the command line; a setting may stand in one of them only."""
    axes: list[Axis] = [*(_read_grid(text) for text in grids), *(_read_range(text) for text in ranges)]
    for number, axis in enumerate(axes):
        if any(axis.name == other.name for other in axes[:number]):
            raise _wrong("--grid", f"{axis.name} is given twice: put all its values into one --grid or --range")
    return axes


def make_points(axes: Sequence[Axis], count: int | None, *, seed: int, evenly: bool) -> list[dict[str, object]]:
    """The settings to try: a whole grid, or so many draws."""
    listed = [axis for axis in axes if isinstance(axis, Choices)]
    if count is not None:
        if not 1 <= count <= CONFIGS_MAX:
            hint = "--qmc" if evenly else "--random"
            raise _wrong(hint, f"{count:,} draws, wants 1 to {CONFIGS_MAX:,}")
        return draw(axes, count, seed=seed, evenly=evenly)
    if len(listed) < len(axes):
        raise _wrong("--range", "a range is drawn from: say how often by --random N or --qmc N")
    size = count_combinations(listed)
    if size > CONFIGS_MAX:
        raise _wrong("--grid", f"{size:,} combinations, at most {CONFIGS_MAX:,} are run: draw by --random N or --qmc N")
    return list(combine(listed))


def _read_grid(text: str) -> Choices:
    name, values = _split("--grid", text, _GRID)
    key = _key("--grid", name, values)
    listed = [part.strip() for part in values.split(",")] if key.is_text else _listed(name, values)
    if not listed or "" in listed:
        raise _wrong("--grid", f"{name} has an empty value: give values between commas, {_GRID}")
    again = next((value for place, value in enumerate(listed) if value in listed[:place]), None)
    if again is not None:
        raise _wrong("--grid", f"{name} lists {again} twice: the same configuration would count as two trials")
    return Choices(name, tuple(listed))


def _listed(name: str, values: str) -> list[object]:
    """Values as YAML reads a list, so that a value may be a list itself."""
    try:
        found = plain_value(f"[{values}]")
    except ValueError as error:
        raise _wrong("--grid", f"{name} got {values}, which cannot be read: {error}") from None
    return found if isinstance(found, list) else [found]


def _read_range(text: str) -> Range:
    name, span = _split("--range", text, _RANGE)
    key = _key("--range", name, span)
    if not key.expects.startswith(("a number", "a whole number")):
        raise _wrong("--range", f"{name} is {key.expects}, not a number: list its values by --grid")
    low, high, *marks = [*(part.strip() for part in span.split(":")), ""]
    marks = [mark for mark in marks if mark]
    whole = key.expects.startswith("a whole number") or "int" in marks
    scale: Scale = "log" if "log" in marks else "linear"
    if not high or set(marks) - {"log", "int"}:
        raise _wrong("--range", f"{text}: expected key=low:high, and :log or :int behind it, {_RANGE}")
    ends = [_number(name, low, whole=whole), _number(name, high, whole=whole)]
    if not ends[0] < ends[1]:
        raise _wrong("--range", f"{name} from {low} to {high} is empty: give the lower end first")
    if scale == "log" and ends[0] <= 0:
        raise _wrong("--range", f"{name} from {low}: a log scale begins above 0")
    return Range(name, ends[0], ends[1], scale, whole)


def _number(name: str, text: str, *, whole: bool) -> float:
    try:
        value = plain_value(text) if text else None
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong("--range", f"{name} got {text or 'nothing'}, wants a number")
    if whole and value != int(value):
        raise _wrong("--range", f"{name} got {text}, wants a whole number")
    return float(value)


def _split(option: str, text: str, example: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not equals or not name.strip() or not rest.strip():
        raise _wrong(option, f"{text!r} has no values: expected key=values, {example}")
    return name.strip(), rest.strip()


def _key(option: str, name: str, value: str) -> Key:
    """The setting, or the sentence that names the nearest one."""
    mistake = refusal(Entry(name, value, option), in_yaml=False)
    if mistake is not None:
        raise refuse([mistake])
    return tree().keys[name]


def _wrong(option: str, text: str) -> typer.BadParameter:
    return typer.BadParameter(text, param_hint=option)
