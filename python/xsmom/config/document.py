"""A YAML file as entries with line numbers; every way in which it can be unreadable has a sentence.

Nodes are read rather than objects, because nodes know their lines, and because nothing is ever
constructed from a tag that somebody wrote into the file.
"""

from __future__ import annotations

import io
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from xsmom.config.tree import tree
from xsmom.config.wording import Entry, printable, refusal, refuse, shown

_BYTES_MAX = 1_000_000
_DEPTH_MAX = 16
_TAG = "tag:yaml.org,2002:"


class _UnreadableError(Exception):
    """A node that is no plain value; the text says why."""


@dataclass(slots=True)
class Reading:
    """What a source says, and what is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def add(self, entry: Entry, *, in_yaml: bool) -> None:
        """Keep the entry, or the reason why it cannot be one."""
        mistake = refusal(entry, in_yaml=in_yaml)
        if mistake is None:
            self.entries.append(entry)
        else:
            self.mistakes.append(mistake)


def read_text(path: Path) -> str:
    """Text of a configuration file, or a ConfigError that says why there is none."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise refuse([f"{path} is a folder; name the file in it, such as {path / 'config.yaml'}"])
        if not stat.S_ISREG(kind):
            raise refuse([f"{path} is not a regular file; a configuration is a YAML text file"])
        data = path.read_bytes()
    except FileNotFoundError:
        raise refuse([f"{path} does not exist; xsmom init writes a commented one"]) from None
    except NotADirectoryError:
        raise refuse([f"{path} does not exist: a part of its path is not a folder"]) from None
    except PermissionError:
        raise refuse([f"{path} may not be read by this user; chmod u+r {path}"]) from None
    except (OSError, ValueError) as error:
        raise refuse([f"{path} cannot be read: {error}"]) from None
    return _decode(data, path)


def _decode(data: bytes, path: Path) -> str:
    if len(data) > _BYTES_MAX:
        raise refuse([f"{path} holds {len(data)} bytes; a configuration has at most {_BYTES_MAX}"])
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse([f"{path} is UTF-16 text; save it as UTF-8"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refuse([f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8"]) from None


def read_document(text: str, label: str) -> Reading:
    """Entries of a YAML text, in its order."""
    reading = Reading()
    if not text.strip():
        reading.mistakes.append(f"{label} is empty, as after a write that was cut off; restore it")
        return reading
    try:
        root = _compose(text)
    except RecursionError:
        reading.mistakes.append(f"{label} is nested too deeply; sections are at most four deep")
        return reading
    except MarkedYAMLError as error:
        reading.mistakes.append(_syntax(error, text, label))
        return reading
    except (YAMLError, ValueError) as error:
        reading.mistakes.append(f"{label}: not valid YAML: {_one_line(str(error))}")
        return reading
    if root is None or _is_null(root):
        return reading
    if not isinstance(root, MappingNode):
        reading.mistakes.append(
            f"{label}:{_line(root)}: expected sections such as strategy: and risk:, got "
            f"{'a list' if isinstance(root, SequenceNode) else 'a single value'}"
        )
        return reading
    _collect(root, "", label, reading)
    return reading


def plain_value(text: str) -> object:
    """The value of a scalar or list as written on a command line; a ValueError says why there is none."""
    try:
        node = _compose(text)
        return None if node is None else _plain(node, 0, set())
    except _UnreadableError as error:
        raise ValueError(str(error)) from None
    except MarkedYAMLError as error:
        raise ValueError(_one_line(error.problem or "not valid YAML")) from None
    except (YAMLError, RecursionError):
        raise ValueError("not valid YAML") from None


def _compose(text: str) -> Node | None:
    node: Node | None = YAML(typ="safe", pure=True).compose(io.StringIO(text))
    return node


def _collect(node: MappingNode, prefix: str, label: str, reading: Reading) -> None:
    """Walk down the sections; whatever is no section is a value."""
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        key = _key_text(key_node)
        if key is None:
            reading.mistakes.append(f"{label}:{line}: expected the name of a setting, got {_kind(key_node)}")
            continue
        name = prefix + key
        if "." in key:
            section, _, leaf = name.rpartition(".")
            reading.mistakes.append(
                f"{label}:{line}: {shown(name)[1:-1]} is written with dots; write {shown(leaf)[1:-1]}: "
                f"below {shown(section.rpartition('.')[2])[1:-1]}:"
            )
            continue
        if name in lines:
            reading.mistakes.append(f"{label}:{line}: {name} is written twice, first on line {lines[name]}; keep one")
            continue
        lines[name] = line
        if name in tree().sections and isinstance(value_node, MappingNode):
            _collect(value_node, name + ".", label, reading)
        elif not (name in tree().sections and _is_null(value_node)):
            _take(name, value_node, f"{label}:{line}", reading)


def _take(name: str, node: Node, origin: str, reading: Reading) -> None:
    try:
        value = _plain(node, 0, set())
    except _UnreadableError as error:
        reading.mistakes.append(f"{origin}: {name} {error}")
        return
    reading.add(Entry(name, value, origin), in_yaml=True)


def _plain(node: Node, depth: int, above: set[int]) -> object:
    """Lists, mappings and scalars as Python values. A node met twice is an alias: refused."""
    if id(node) in above or depth > _DEPTH_MAX:
        raise _UnreadableError("uses an anchor, or nests too deeply; write the value out")
    above.add(id(node))
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        return [_plain(item, depth + 1, above) for item in node.value]
    if isinstance(node, MappingNode):
        return {str(_plain(key, depth + 1, above)): _plain(value, depth + 1, above) for key, value in node.value}
    raise _UnreadableError("is no value")


def _scalar(node: ScalarNode) -> object:
    tag, text = str(node.tag), str(node.value)
    if not tag.startswith(_TAG):
        raise _UnreadableError(f"carries the tag {shown(tag)}, which means nothing here; remove the tag")
    try:
        return _converted(tag.removeprefix(_TAG), text)
    except ValueError:
        return text


def _converted(kind: str, text: str) -> object:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return _whole(text.replace("_", ""))
    if kind == "float":
        digits = text.replace("_", "").lower()
        return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _whole(digits: str) -> int:
    sign = -1 if digits.startswith("-") else 1
    body = digits.lstrip("+-")
    bases = {"0x": 16, "0o": 8, "0b": 2}
    base = bases.get(body[:2].lower())
    return sign * (int(body[2:], base) if base else int(body))


def _syntax(error: MarkedYAMLError, text: str, label: str) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{label}: not valid YAML: {_one_line(str(error))}"
    lines = text.splitlines()
    row = lines[mark.line] if mark.line < len(lines) else ""
    indent = row[: len(row) - len(row.lstrip())]
    if "\t" in indent:
        return f"{label}:{mark.line + 1}: indented with a tab; YAML wants spaces"
    if mark.line >= len(lines) - 1 and not text.endswith("\n"):
        return f"{label}:{mark.line + 1}: not valid YAML, the file seems cut off here: {_problem(error)}"
    return f"{label}:{mark.line + 1}: not valid YAML: {_problem(error)}"


def _problem(error: MarkedYAMLError) -> str:
    return _one_line(error.problem or error.context or "cannot be read")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:160]


def _key_text(node: Node) -> str | None:
    if not isinstance(node, ScalarNode) or str(node.tag).removeprefix(_TAG) in ("null", "merge"):
        return None
    return str(node.value)


def _kind(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return "<<, which is not supported" if node.value == "<<" else "nothing"
    return "a list" if isinstance(node, SequenceNode) else "a mapping"


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag) == _TAG + "null"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
