"""A configuration as lines for people: every setting in force, and how two differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from xsmom.config.resolved import Resolved


class Difference(NamedTuple):
    """A setting that two configurations give different values."""

    name: str
    before: object
    after: object


def settings_lines(config: Resolved, *, origin: bool) -> list[str]:
    """YAML of all accepted settings; notes and warnings stand above it as comments."""
    lines = [f"# note: {line}" for line in config.notes]
    lines += [f"# warning: {line}" for line in config.warnings]
    lines.append(f"# config hash {config.config_hash}")
    return lines + list(_yaml(config, origin=origin))


def params_lines(config: Resolved) -> list[str]:
    """The core's parameters, one to a line."""
    lines = [f"# note: {line}" for line in config.notes]
    lines.append(f"# params hash {config.params_hash}")
    return lines + [f"{name}: {json.dumps(value)}" for name, value in config.params().items()]


def differences(first: Resolved, second: Resolved) -> list[Difference]:
    """Settings with different values, in the order of the schema."""
    after = second.settings()
    return [Difference(name, before, after[name]) for name, before in first.settings().items() if before != after[name]]


def _yaml(config: Resolved, *, origin: bool) -> Iterator[str]:
    above: list[str] = []
    for name, value in config.settings().items():
        *sections, leaf = name.split(".")
        for depth, section in enumerate(sections):
            if above[: depth + 1] != sections[: depth + 1]:
                above = sections[: depth + 1]
                yield f"{'  ' * depth}{section}:"
        above = sections
        line = f"{'  ' * len(sections)}{leaf}: {json.dumps(value, ensure_ascii=False)}"
        yield f"{line}  # {config.origin(name)}" if origin else line
