"""Puts the page and its numbers in their places: whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from xsmom.errors import OutputError
from xsmom.research.report.charts import draw_charts
from xsmom.research.report.document import build_document, make_plain
from xsmom.research.report.page import write_page

if TYPE_CHECKING:
    from xsmom.research.result import Result


def write_report(result: Result, folder_or_path: str | Path, *, provenance: Mapping[str, object] | None = None) -> Path:
    """Write one HTML file and a JSON file beside it, and tell where the HTML is.

    A path that ends in `.html` names the page, and the JSON takes the same stem; anything else is a
    folder that gets `report.html` and `report.json`. `provenance` is what the caller knows of the run
    and is shown as it is: `config_hash`, `code_hash`, `command`, and `trials` (how many runs led here).
    """
    given = Path(folder_or_path)
    page = given if given.suffix.lower() in {".html", ".htm"} else given / "report.html"
    doc, parts = build_document(result, provenance or {})
    html = write_page(make_plain(doc), draw_charts(doc, result, parts))
    numbers = json.dumps(make_plain(doc), allow_nan=False, ensure_ascii=False, indent=1)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        replace_text(page.with_suffix(".json"), numbers)
        replace_text(page, html)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {page}: {reason}; choose a folder that you may write to") from error
    return page


def replace_text(path: Path, text: str) -> None:
    """Write beside the place, then rename: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        # A lone surrogate in a name cannot be written as UTF-8; it becomes a question mark.
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
