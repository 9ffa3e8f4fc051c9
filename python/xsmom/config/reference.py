"""What is generated from the models: the JSON schema for editors and the reference page."""

from __future__ import annotations

from typing import Any

from xsmom.config.models import fields
from xsmom.config.schema import Config
from xsmom.config.tree import Key, number, tree

_HEAD = """\
# Configuration

<!-- Written by `xsmom config docs`; edit the descriptions in python/xsmom/config/sections/ instead. -->

A configuration is a YAML file of the sections below. Every setting has a default, so a file holds
only what differs. `xsmom init` writes a commented one; `xsmom config check` reads it and says what
is wrong or odd; `xsmom config show` prints every setting in force and, with `--origin`, where it
was written.

## Where a value comes from

Later sources win over earlier ones:

1. the default on this page;
2. the file, `config.yaml`;
3. the overlay of the environment, `config.production.yaml` beside it, chosen by `--env production`
   or by the variable `XSMOM_ENV` (`dev`, `staging` or `production`);
4. the file `.env` beside it;
5. environment variables: two underscores step into a section, as in
   `XSMOM__RISK__MAX_DAILY_LOSS_PCT=4`;
6. `--set` on the command line: `--set strategy.gross_leverage=1.2`.

Values in variables and after `--set` are read as YAML: `4`, `true`, `[12, 24]`. A list replaces a
list; nothing is appended.

## What is refused

An unknown setting, a value of the wrong type or out of range, settings that contradict each other,
and a setting that is not available in this version are errors. Each is one line with file and line
number, what came and what would be right; all are listed at once, and the command ends with exit
code 3. Text is not a number: `"4"` is refused where 4 is meant, and `yes` where `true` is meant.

Secrets never stand in a YAML file. They come from environment variables or from a `.env` file that
only its owner may read (mode 0600).

## Units

Names say what they count: `_bars` and look-backs count bars of `strategy.timeframe`, `_hours` count
hours, `_pct` is percent (5 is five percent), `_frac` is a share (0.05 is five percent), `_bps` is
basis points, `_r` is multiples of a position's initial risk. Settings marked *tuned* are those that
the optimiser may vary.
"""


def json_schema() -> dict[str, Any]:
    """JSON schema that accepts what the loader accepts: other keys are marked, and match nothing."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    places: dict[str, dict[str, Any]] = {"": schema}
    for name in tree().sections:
        parent, _, leaf = name.rpartition(".")
        reference = places[parent]["properties"][leaf]["$ref"]
        places[name] = schema["$defs"][reference.rpartition("/")[2]]
    for key in tree().keys.values():
        section, _, leaf = key.name.rpartition(".")
        properties = places[section]["properties"]
        properties[leaf] = _property(key, properties[leaf])
    return schema


_FROM_OUTSIDE = "A secret: only from the environment, or from a .env file of mode 0600."


def _property(key: Key, written: dict[str, Any]) -> dict[str, Any]:
    if not key.available:
        return {
            "description": f"Not available in this version. {fields()[key.name].description}",
            "x-available": False,
            "not": {},
        }
    if key.extras.secret:  # the schema is of YAML files
        return {"description": f"{fields()[key.name].description} {_FROM_OUTSIDE}", "x-available": True, "not": {}}
    return {**written, "default": key.default, "description": _description(key)}


def _description(key: Key) -> str:
    unit = f" Unit: {key.extras.unit}." if key.extras.unit else ""
    return f"{fields()[key.name].description}{unit}"


def reference_page() -> str:
    """The page docs/reference/config.md, as Markdown."""
    parts = [_HEAD]
    for section, text in tree().sections.items():
        keys = [key for key in tree().keys.values() if key.name.rpartition(".")[0] == section]
        if not keys:
            continue
        level = "##" if "." not in section else "###"
        parts.append(f"{level} `{section}`\n\n{text}\n")
        accepted = [key for key in keys if key.available]
        refused = [key for key in keys if not key.available]
        if accepted:
            parts.append(_table(accepted))
        if refused:
            parts.append("Designed, and not available in this version:\n\n" + _short_table(refused))
    return "\n".join(parts)


def _table(keys: list[Key]) -> str:
    rows = ["| setting | expects | unit | default | meaning |", "|---|---|---|---|---|"]
    for key in keys:
        cells = (f"`{key.leaf}`", key.expects, key.extras.unit or "", f"`{_default(key)}`", _meaning(key))
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _short_table(keys: list[Key]) -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for key in keys:
        kind = " (secret)" if key.extras.secret else ""
        unit = f" Unit: {key.extras.unit}." if key.extras.unit else ""
        cells = (f"`{key.leaf}`", f"`{_default(key)}`", f"{fields()[key.name].description}{unit}{kind}")
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _meaning(key: Key) -> str:
    field = fields()[key.name]
    text = field.description or ""
    if key.extras.secret:
        text = f"{text} {_FROM_OUTSIDE}"
    if key.extras.search is not None:
        low, high = key.extras.search
        text += f" *Tuned*, usually {number(low)} to {number(high)}."
    if field.examples:
        text += f" Example: `{_plain(field.examples[0])}`."
    return text


def _default(key: Key) -> str:
    return _plain(key.default)


def _plain(value: object) -> str:
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return number(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
