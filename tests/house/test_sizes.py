"""Sizes as a ratchet: a limit for what is new, and a list of today's exceptions that only shrinks.

`ratchet.toml` holds the exceptions. A function may not grow beyond its number there; when it has
become shorter, the number has to follow, or the test says so.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
DEPTH_MAX = 3
PYTHON_ROOMS = ("python", "tests", "benches", "docs")
RUST_ROOMS = ("rust_core",)

Function = ast.FunctionDef | ast.AsyncFunctionDef
NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield f"{prefix}{node.name}", node
        inner = f"{prefix}{node.name}." if isinstance(node, Function | ast.ClassDef) else prefix
        yield from functions(node, inner)


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def depth(node: ast.AST) -> int:
    """How many if, for, while, with, try and match stand inside one another; elif is no step."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        elif_branch = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        step = isinstance(child, NESTING) and not elif_branch
        deepest = max(deepest, step + depth(child))
    return deepest


_RUST_NOISE = re.compile(
    r"//[^\n]*"
    r"|/\*.*?\*/"
    r"|b?r(?P<hashes>#*)\".*?\"(?P=hashes)"
    r"|b?\"(?:\\.|[^\"\\])*\""
    r"|b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\\n])'",
    re.DOTALL,
)


def blank_noise(source: str) -> str:
    """Rust source with comments, strings and characters emptied; line numbers stay."""
    return _RUST_NOISE.sub(lambda found: "\n" * found[0].count("\n"), source)


def rust_functions(source: str) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function that has a body, by matching braces."""
    text = blank_noise(source)
    for found in re.finditer(r"\bfn\s+(\w+)", text):
        # Brackets hold `[f64; 8]` in a signature: that semicolon does not end a declaration.
        body = re.compile(r"\[[^\]]*\]|[{;]").finditer(text, found.end())
        opening = next((mark for mark in body if mark[0] in "{;"), None)
        if opening is None or opening[0] == ";":
            continue
        level, end = 1, opening.end()
        for brace in re.compile(r"[{}]").finditer(text, end):
            level += 1 if brace[0] == "{" else -1
            end = brace.end()
            if level == 0:
                break
        yield found[1], text.count("\n", found.start(), end) + 1


def files(root: Path, rooms: tuple[str, ...], pattern: str) -> list[Path]:
    found = [path for room in rooms for path in sorted((root / room).rglob(pattern))]
    assert found, f"no {pattern} below {rooms}: this test looks at the wrong folder"
    return found


def measure(root: Path) -> dict[str, dict[str, int]]:
    """Everything above its limit: function lines, file lines, depth."""
    over: dict[str, dict[str, int]] = {"function_lines": {}, "file_lines": {}, "depth": {}}

    def note(kind: str, name: str, value: int, limit: int) -> None:
        if value > limit:
            over[kind][name] = max(value, over[kind].get(name, 0))

    for path in files(root, PYTHON_ROOMS, "*.py"):
        name, source = path.relative_to(root).as_posix(), path.read_text("utf-8")
        note("file_lines", name, len(source.splitlines()), FILE_LINES_MAX)
        for function, node in functions(ast.parse(source)):
            note("function_lines", f"{name}:{function}", length(node), FUNCTION_LINES_MAX)
            note("depth", f"{name}:{function}", depth(node), DEPTH_MAX)
    for path in files(root, RUST_ROOMS, "*.rs"):
        name, source = path.relative_to(root).as_posix(), path.read_text("utf-8")
        note("file_lines", name, len(source.splitlines()), FILE_LINES_MAX)
        for function, lines in rust_functions(source):
            note("function_lines", f"{name}:{function}", lines, FUNCTION_LINES_MAX)
    return over


def code_lines(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


def split_rust(source: str) -> tuple[int, int]:
    """Lines of code and of tests in one Rust file; the test module stands at the end."""
    code, _, tests = source.partition("#[cfg(test)]")
    return code_lines(code), code_lines(tests)


def lines_ratio(root: Path) -> float:
    """Non-blank lines of tests for each line of code, both languages together."""
    code = sum(code_lines(path.read_text("utf-8")) for path in files(root, ("python",), "*.py"))
    tests = sum(code_lines(path.read_text("utf-8")) for path in files(root, ("tests",), "*.py"))
    for path in files(root, RUST_ROOMS, "*.rs"):
        source = path.read_text("utf-8")
        if "tests" in path.relative_to(root).parts:
            tests += code_lines(source)
        else:
            in_file = split_rust(source)
            code, tests = code + in_file[0], tests + in_file[1]
    return tests / code


@pytest.fixture(scope="module")
def ratchet(root: Path) -> dict[str, dict[str, float]]:
    return tomllib.loads((root / "tests/house/ratchet.toml").read_text("utf-8"))


@pytest.mark.parametrize("kind", ["function_lines", "file_lines", "depth"])
def test_nothing_is_above_its_limit_except_what_is_listed_and_shrinking(
    root: Path, ratchet: dict[str, dict[str, float]], kind: str
) -> None:
    found, allowed = measure(root)[kind], ratchet[kind]
    grown = {name: value for name, value in found.items() if value > allowed.get(name, 0)}
    assert not grown, f"{kind}: split these, they are above the limit: {grown}"
    stale = {name: found.get(name) for name, most in allowed.items() if found.get(name) != most}
    assert not stale, f"{kind}: smaller now; lower or delete them in ratchet.toml: {stale}"


def test_tests_are_as_long_as_the_code(root: Path, ratchet: dict[str, dict[str, float]]) -> None:
    floor = min(1.0, ratchet["ratio"]["tests_to_code_min"])
    found = lines_ratio(root)
    assert found >= floor, f"{found:.2f} lines of tests per line of code, below {floor}"


# --- the ruler itself -------------------------------------------------------------------------


def one(source: str) -> Function:
    return next(node for _, node in functions(ast.parse(source)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    return 1", 0),
        ("def f():\n    if a:\n        b()", 1),
        ("def f():\n    if a:\n        b()\n    elif c:\n        d()\n    else:\n        e()", 1),
        ("def f():\n    for x in y:\n        with z:\n            while q:\n                r()", 3),
        ("def f():\n    try:\n        a()\n    except B:\n        if c:\n            d()", 2),
        ("def f():\n    match a:\n        case 1:\n            if b:\n                c()", 2),
        ("def f():\n    def g():\n        if a:\n            b()\n    return g", 0),
    ],
)
def test_depth(source: str, expected: int) -> None:
    assert depth(one(source)) == expected


def test_length_leaves_the_docstring_out() -> None:
    assert length(one('def f():\n    """One.\n\n    Two.\n    """\n    return 1')) == 2
    assert length(one("def f(\n    a,\n):\n    return a")) == 4


def test_functions_are_found_where_they_hide() -> None:
    source = "class A:\n    async def f(self):\n        def g(): ...\nif x:\n    def h(): ..."
    assert [name for name, _ in functions(ast.parse(source))] == ["A.f", "A.f.g", "h"]


def test_rust_functions() -> None:
    source = """
    /// fn not_this() {
    fn one(a: [f64; 8]) -> f64 {
        let brace = '{'; let text = "}}}"; let raw = r#"fn "no" { "#; /* } */
        if a { b } else { c }
    }
    trait T { fn declared(&self) -> [u8; 2]; fn given<'a>(&'a self) { } }
    """
    assert list(rust_functions(source)) == [("one", 4), ("given", 1)]


def test_a_planted_giant_is_seen(tmp_path: Path) -> None:
    for room in (*PYTHON_ROOMS, *RUST_ROOMS):
        (tmp_path / room).mkdir()
    body = "    x = 1\n" * FUNCTION_LINES_MAX
    deep = "def g():\n if a:\n  if a:\n   if a:\n    if a:\n     b()\n"
    (tmp_path / "python/a.py").write_text(f"def f():\n{body}{deep}" + "# long\n" * 400)
    (tmp_path / "rust_core/a.rs").write_text("fn f() {\n" + "x();\n" * 60 + "}\n")
    assert measure(tmp_path) == {
        "function_lines": {"python/a.py:f": 61, "rust_core/a.rs:f": 62},
        "file_lines": {"python/a.py": 467},
        "depth": {"python/a.py:g": 4},
    }


def test_test_lines_are_counted_in_both_languages(tmp_path: Path) -> None:
    for room in ("python", "tests", "rust_core/kernel/tests"):
        (tmp_path / room).mkdir(parents=True)
    (tmp_path / "python/a.py").write_text("a = 1\n\nb = 2\n")
    (tmp_path / "tests/a.py").write_text("assert a\n")
    (tmp_path / "rust_core/a.rs").write_text("fn f() {}\n#[cfg(test)]\nmod tests {}\n")
    (tmp_path / "rust_core/kernel/tests/b.rs").write_text("fn t() {}\n")
    assert lines_ratio(tmp_path) == pytest.approx(1.0)


if __name__ == "__main__":  # what ratchet.toml would have to say today
    for kind, found in measure(Path(__file__).parents[2]).items():
        print(f"\n[{kind}]", *(f'"{name}" = {value}' for name, value in sorted(found.items())), sep="\n")
    print("\n[ratio]", f"{lines_ratio(Path(__file__).parents[2]):.3f}")
