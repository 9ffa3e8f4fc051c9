"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

PROGRESS_AFTER_S = 1.0


class ProgressBar:
    """A bar with rate and time left on stderr, for work that turns out to take over a second."""

    def __init__(self, what: str) -> None:
        self._what, self._began = what, monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[int, int], None]:
        """Give what the work calls with (done, total)."""
        return self._tell

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _tell(self, done: int, total: int) -> None:
        late = monotonic() - self._began > PROGRESS_AFTER_S
        if self._bar is None and late and done < total:
            self._bar = _make_bar()
            self._task = self._bar.add_task(self._what, total=total)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._task, completed=done)


def _make_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(TextColumn):
        """Things a second, from the start; rich has such a column for bytes only."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.completed / max(task.elapsed or 0.0, 1e-3):,.0f}/s")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(""))
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
