"""How one setting is declared: its text, unit, range, default, and whether any code acts on it.

`setting` declares a key that this version acts on. `planned` declares one whose place, name and
meaning are decided, but which nothing reads yet: writing it is an error, never a silent wish.
Switching a key on is changing that one word, in the commit that makes some code obey it.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from xsmom.config.tree import Extras


class Section(BaseModel):
    """A block of settings. Strict: "4" is not 4 and true is not 1; typos are errors."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
        validate_default=True,
    )


def whole(value: object) -> object:
    """Let 4.0 count as 4, because YAML writers and optimisers produce both."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Whole = Annotated[int, BeforeValidator(whole)]
Bars = Annotated[int, BeforeValidator(whole), Field(ge=1, le=2000)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Positive = Annotated[float, Field(ge=0.001, le=1_000)]
Hour = Annotated[int, BeforeValidator(whole), Field(ge=0, le=23)]
MarginRow = Annotated[list[Annotated[float, Field(gt=0, le=1e15)]], Field(min_length=2, max_length=2)]
RampRow = Annotated[list[Annotated[float, Field(ge=0, le=3_650)]], Field(min_length=2, max_length=2)]
Name = Annotated[str, Field(min_length=1)]


def setting(
    default: Any,
    text: str,
    *,
    unit: str | None = None,
    search: tuple[float, float] | None = None,
    example: Any = None,
    secret: bool = False,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """Declare a key that this version acts on; `search` makes it one that the optimiser may vary."""
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    extra: dict[str, Any] = {"x-available": True, "x-tuned": search is not None}
    if unit is not None:
        extra["x-unit"] = unit
    if search is not None:
        extra["x-search"] = list(search)
    if secret:
        extra["x-secret"] = True
    given: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    if example is not None:
        given["examples"] = [example]
    if isinstance(default, list | dict):
        given["default_factory"] = default.copy
    else:
        given["default"] = default
    return Field(description=text, json_schema_extra=extra, **given)


def planned(default: Any, text: str, **given: Any) -> Any:
    """Declare a key that is designed and documented, and refused until some code acts on it."""
    field: FieldInfo = setting(default, text, **given)
    _written(field)["x-available"] = False
    return field


def block(section: type[Section], text: str) -> Any:
    """Declare a sub-section; it may be left out, or be empty."""
    return Field(default_factory=section, description=text)


def extras(field: FieldInfo) -> Extras:
    """Read back what `setting` or `planned` wrote."""
    extra = _written(field)
    search = extra.get("x-search")
    return Extras(
        unit=extra.get("x-unit"),
        available=extra["x-available"],
        tuned=extra["x-tuned"],
        search=None if search is None else (search[0], search[1]),
        secret=extra.get("x-secret", False),
    )


def _written(field: FieldInfo) -> dict[str, Any]:
    """The notes of `setting`, which pydantic hands on to the JSON schema."""
    return cast("dict[str, Any]", field.json_schema_extra)
