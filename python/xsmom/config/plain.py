"""Values that need no model to be judged: a number within its range, a word of a list, true or false.

What is plainly right is kept, just as the models would keep it. Of all else nothing is said here: the
models judge it, and word the mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from xsmom.config.tree import Rule, tree

# Whole numbers up to here are floats too, exactly.
_EXACT_MAX = 2**53


class NotPlainError(Exception):
    """Only the models can tell."""


def fit(rule: Rule | None, value: object) -> object:
    """The value as the models keep it."""
    if rule is None:
        raise NotPlainError
    if value is None and rule.get("null"):
        return None
    return _READ[rule["kind"]](rule, value)


def complete(given: Mapping[str, object]) -> dict[str, object]:
    """All settings by dotted name: those given, and the defaults of the others."""
    keys = tree().keys
    settings = {name: value.copy() if isinstance(value, list | dict) else value for name, value in _defaults().items()}
    settings.update((name, fit(keys[name].rule, value)) for name, value in given.items())
    return settings


@cache
def _defaults() -> dict[str, object]:
    """Every default as the models keep it; those without a rule are names and secrets, kept as they are."""
    return {name: key.default if key.rule is None else fit(key.rule, key.default) for name, key in tree().keys.items()}


def _read_bool(_: Rule, value: object) -> object:
    if value is True or value is False:
        return value
    raise NotPlainError


def _read_int(rule: Rule, value: object) -> object:
    if type(value) is float and rule.get("whole") and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise NotPlainError
    return _within(rule, value)


def _read_float(rule: Rule, value: object) -> object:
    if type(value) is int and -_EXACT_MAX <= value <= _EXACT_MAX:
        value = float(value)
    if type(value) is not float or not value - value == 0.0:
        raise NotPlainError
    return _within(rule, value)


def _within(rule: Rule, value: float) -> float:
    if not -_EXACT_MAX <= value <= _EXACT_MAX and type(value) is int:
        raise NotPlainError
    low, above, high, below = rule.get("ge"), rule.get("gt"), rule.get("le"), rule.get("lt")
    if (
        (low is None or value >= low)
        and (above is None or value > above)
        and (high is None or value <= high)
        and (below is None or value < below)
    ):
        return value
    raise NotPlainError


def _read_choice(rule: Rule, value: object) -> object:
    if type(value) is str and value in rule["choices"]:
        return value
    raise NotPlainError


def _read_text(rule: Rule, value: object) -> object:
    if type(value) is str and value.isascii() and _of_length(rule, value):
        return value
    raise NotPlainError


def _read_list(rule: Rule, value: object) -> object:
    if type(value) is list and _of_length(rule, value):
        return [fit(rule["item"], item) for item in value]
    raise NotPlainError


def _of_length(rule: Rule, value: str | list[object]) -> bool:
    high = rule.get("max_length")
    return rule.get("min_length", 0) <= len(value) and (high is None or len(value) <= high)


_READ: Mapping[str, Callable[[Rule, object], object]] = {
    "bool": _read_bool,
    "int": _read_int,
    "float": _read_float,
    "choice": _read_choice,
    "text": _read_text,
    "list": _read_list,
}
