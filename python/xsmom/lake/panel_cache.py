"""Panels that were compiled on the way to something else, kept in the lake until the data change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from xsmom.domain.tickers import Change
from xsmom.errors import OutputError
from xsmom.lake.checkup import PANELS
from xsmom.lake.compile import compile_panel
from xsmom.lake.rules import VERSION
from xsmom.lake.series import SeriesInfo
from xsmom.lake.survey import Progress, Survey

_KEPT = 4


def compile_cached(survey: Survey, progress: Progress | None = None) -> Path:
    """The panel of a survey: compiled now, or before from the very same data by the very same rules."""
    folder = survey.lake.root / PANELS
    path = folder / f"{survey.venue}-{survey.timeframe}-{_identity(survey)[:24]}.panel"
    if path.exists():
        return path
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}, where panels of this lake are kept, cannot be made ({(error.strerror or str(error)).lower()}): "
            "write one elsewhere by `xsmom data compile --out`, and give that by --panel"
        ) from error
    compile_panel(survey, path, progress=progress)
    _prune(folder, path)
    return path


def _identity(survey: Survey) -> str:
    """Hash of all that shapes the panel."""
    keys = [*survey.bar_keys.values(), *(key for name, key in survey.funding_keys.items() if name in survey.bar_keys)]
    content = {
        "rules": VERSION,
        "limits": survey.limits.document(),
        "changes": [asdict(change) for change in _in_order(survey.changes)],
        "series": {str(key): _facts(survey.lake.info(key)) for key in keys},
        "specs": survey.lake.instruments(survey.venue).write_json(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _in_order(changes: Sequence[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (change.at_ms, change.old, change.new))


def _facts(info: SeriesInfo) -> list[object]:
    sources = [(source.what, source.at_ms, source.set_end_ms) for source in info.sources]
    return [info.content_sha256, [list(span) for span in info.covered], sources]


def _prune(folder: Path, newest: Path) -> None:
    """Older panels go: they can be compiled again."""
    others = sorted((path for path in folder.glob("*.panel") if path != newest), key=lambda path: path.stat().st_mtime)
    for path in others[: -(_KEPT - 1)]:
        path.unlink(missing_ok=True)
