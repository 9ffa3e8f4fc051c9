"""A configuration as written: sections and settings as attributes that do not change.

Read by the names and types of the models (`schema.Config`), whether those were asked or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn, cast

from xsmom.config.tree import tree

if TYPE_CHECKING:
    from xsmom.config.schema import Config


class Part:
    """One section."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        vars(self).update(settings)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """No part of a configuration changes after it was read."""
        raise AttributeError(f"a configuration is frozen: load another one with the setting {name}")

    def __delattr__(self, name: str) -> NoReturn:
        """Nor does any part go."""
        raise AttributeError(f"a configuration is frozen: {name} cannot be taken out")

    def __eq__(self, other: object) -> bool:
        """Equal settings, whatever they were read from."""
        return vars(self) == vars(other) if isinstance(other, Part) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # lists stand in it

    def __repr__(self) -> str:
        """As Python would write it; a secret's own text blots itself out."""
        return f"Part({vars(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process."""
        return Part, (vars(self),)


def join(settings: Mapping[str, object]) -> Config:
    """The whole, from all settings by dotted name."""
    places: dict[str, dict[str, object]] = {"": {}, **{section: {} for section in tree().sections}}
    for name, value in settings.items():
        section, _, leaf = name.rpartition(".")
        places[section][leaf] = value
    for section in reversed(tree().sections):  # what is inside, before that in which it stands
        parent, _, leaf = section.rpartition(".")
        places[parent][leaf] = Part(places[section])
    return cast("Config", Part(places[""]))


def value(config: Config, name: str) -> object:
    """A setting by its dotted name."""
    found: object = config
    for part in name.split("."):
        found = getattr(found, part)
    return found
