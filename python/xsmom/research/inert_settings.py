"""Settings that were varied in a sweep and changed nothing: another one binds, or its feature is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def find_inert(settings: Mapping[str, Sequence[object]], outcomes: Sequence[object]) -> list[str]:
    """Names of the settings whose values, all others being equal, gave equal outcomes.

    Only rows that differ in nothing else can tell; a setting without such rows, as in draws, is not judged.
    """
    told = {name: [repr(value) for value in values] for name, values in settings.items()}
    return [name for name in told if _is_inert(name, told, outcomes)]


def _is_inert(name: str, told: Mapping[str, Sequence[str]], outcomes: Sequence[object]) -> bool:
    others = [values for key, values in told.items() if key != name]
    groups: dict[tuple[str, ...], tuple[set[str], set[object]]] = {}
    for row, outcome in enumerate(outcomes):
        values, found = groups.setdefault(tuple(other[row] for other in others), (set(), set()))
        values.add(told[name][row])
        found.add(outcome)
    telling = [found for values, found in groups.values() if len(values) > 1]
    return bool(telling) and all(len(found) == 1 for found in telling)
