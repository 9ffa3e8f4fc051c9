"""One way to a configuration: defaults < file < overlay < .env < environment < --set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from xsmom.config.document import Reading, read_document, read_text
from xsmom.config.environment import WHICH, read_dotenv, read_environment, read_overrides
from xsmom.config.plain import NotPlainError, complete
from xsmom.config.profiles import profile_names, read_profile_text
from xsmom.config.resolved import Resolved, resolve
from xsmom.config.tree import tree
from xsmom.config.wording import Entry, refuse, shown, wrong_value
from xsmom.config.written import join, value
from xsmom.redaction import remember_secret

ENVIRONMENTS = ("dev", "staging", "production")


def load_config(
    path: str | os.PathLike[str] | None,
    set: Mapping[str, object] | Sequence[str] = (),  # noqa: A002 - the name that users write
    *,
    environment: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Resolved:
    """Read, check and convert a configuration.

    `path` is a YAML file, the name of a shipped profile (`classic`, `weekly`), or None for the
    defaults alone. `environment` chooses an overlay beside the file (`config.production.yaml`
    beside `config.yaml`); without it XSMOM_ENV does. `env` replaces the process environment.
    All mistakes are raised in one ConfigError, one line each.
    """
    variables = os.environ if env is None else env
    readings = [*_read_files(path, environment, variables), read_environment(variables), read_overrides(set)]
    return _join({}, readings)


class Variations:
    """One configuration with other settings on top, as often as wanted.

    Files and environment are not read again, so that a thousand variations are a matter of a second.
    """

    def __init__(self, base: Resolved) -> None:
        self._base = {name: Entry(name, base.value(name), origin) for name, origin in base.origins.items()}

    def vary(self, set: Mapping[str, object]) -> Resolved:  # noqa: A002 - as above
        """What `load_config` gives with these settings as its last word."""
        return _join(self._base.copy(), [read_overrides(set)])


def _join(entries: dict[str, Entry], readings: Sequence[Reading]) -> Resolved:
    """Later readings go over earlier ones; all mistakes together are one error."""
    for reading in readings:
        entries.update({entry.name: entry for entry in reading.entries})
    mistakes = [mistake for reading in readings for mistake in reading.mistakes]
    settings = _validate(entries, mistakes)
    if settings is None:
        raise refuse(mistakes)
    return resolve(join(settings), {entry.name: entry.origin for entry in entries.values()})


def _read_files(
    path: str | os.PathLike[str] | None, environment: str | None, variables: Mapping[str, str]
) -> list[Reading]:
    profile = path is not None and _is_profile(path, Path(path))
    if environment is not None and (path is None or profile):
        raise refuse([f"--env {environment}: an overlay stands beside a file, and none was named; name one"])
    if path is None:
        return []
    file = Path(path)
    if profile:
        return [read_document(read_profile_text(str(path)), f"profile {path}")]
    base = read_document(read_text(file), str(path))
    dotenv, dotenv_variables = read_dotenv(file.parent / ".env")
    chosen, said_by = _chosen(environment, variables, dotenv_variables)
    if chosen is None:
        return [base, dotenv]
    if chosen not in ENVIRONMENTS:
        raise refuse([f"{said_by} {shown(chosen)}: expected one of {', '.join(ENVIRONMENTS)}"])
    overlay = file.with_name(f"{file.stem}.{chosen}{file.suffix}")
    if not overlay.exists():
        raise refuse([f"{said_by} {chosen}: its overlay {overlay} does not exist; create it, or leave {said_by} out"])
    text = read_text(overlay)
    return [base, read_document(text, str(overlay)) if text.strip() else Reading(), dotenv]


def _is_profile(path: str | os.PathLike[str], file: Path) -> bool:
    return isinstance(path, str) and path in profile_names() and not file.exists()


def _chosen(environment: str | None, variables: Mapping[str, str], dotenv: Mapping[str, str]) -> tuple[str | None, str]:
    if environment is not None:
        return environment, "--env"
    if variables.get(WHICH):
        return variables[WHICH], WHICH
    return dotenv.get(WHICH) or None, f"{WHICH} in .env"


def _validate(entries: Mapping[str, Entry], mistakes: list[str]) -> dict[str, object] | None:
    """All settings by dotted name, or None with every mistake added to the list."""
    try:
        settings = complete({entry.name: entry.value for entry in entries.values()})
    except NotPlainError:
        return _ask_models(entries, mistakes)
    return None if mistakes else settings


def _ask_models(entries: Mapping[str, Entry], mistakes: list[str]) -> dict[str, object] | None:
    """The same by the models, which know what is wrong with a value; they take a fifth of a second to load."""
    from pydantic import SecretStr, ValidationError

    from xsmom.config.schema import Config

    try:
        config = Config.model_validate(_nested(entries))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        mistakes.extend(_mistake(item["loc"], entries) for item in found)
        return None
    if mistakes:
        return None
    settings = {name: value(config, name) for name in tree().keys}
    for given in settings.values():
        if isinstance(given, SecretStr):  # from now on no text of ours repeats it
            remember_secret(given.get_secret_value())
    return settings


def _mistake(loc: tuple[int | str, ...], entries: Mapping[str, Entry]) -> str:
    """The setting that a validation error is about, in our words."""
    for end in range(len(loc), 0, -1):
        name = ".".join(str(part) for part in loc[:end])
        if name in entries and name in tree().keys:
            rest = loc[end:]
            index = rest[0] if rest and isinstance(rest[0], int) else None
            return wrong_value(entries[name], index)
    return f"defaults: {'.'.join(str(part) for part in loc)} is not what the schema expects"


def _nested(entries: Mapping[str, Entry]) -> dict[str, object]:
    """A mapping with every section present, so that defaults are filled in by one validator."""
    root: dict[str, object] = {}
    places: dict[str, dict[str, object]] = {"": root}
    for section in tree().sections:
        parent, _, leaf = section.rpartition(".")
        places[section] = {}
        places[parent][leaf] = places[section]
    for entry in entries.values():
        section, _, leaf = entry.name.rpartition(".")
        places[section][leaf] = entry.value
    return root
