"""The tables of `xsmom why`: the ladder that a name climbed, and its neighbours in the ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from xsmom.research.explain import Explanation
    from xsmom.research.rungs import Rung

_STAGES = {
    "universe": "May it be traded?",
    "signal": "How strong is it?",
    "selection": "Is it taken?",
    "size": "How much of it?",
}
_PASSED = {True: "yes", False: "NO", None: ""}


def show_rungs(found: Explanation) -> None:
    """The ladder, a table for each stage."""
    from xsmom.cli.output import print_table
    from xsmom.research.explain import show_limit, show_value

    def row(rung: Rung) -> tuple[str, ...]:
        return (rung.text, show_value(rung.value, rung.unit), show_limit(rung), _PASSED[rung.passed], rung.note)

    for stage, title in _STAGES.items():
        rungs = [rung for rung in found.rungs if rung.stage == stage]
        styles = ["red" if rung.passed is False else None for rung in rungs]
        typer.echo()
        print_table((title, "value", "wants", "passed", "note"), [row(rung) for rung in rungs], styles)


def show_around(found: Explanation) -> None:
    """Its neighbours in the ranking."""
    from xsmom.cli.output import print_table
    from xsmom.research.explain import show_value

    if not found.around:
        return
    rows = [
        (
            f"{near.rank}",
            near.symbol,
            f"{near.z:+.3f}",
            f"{near.s:+.3f}",
            show_value(near.weight_frac, "share"),
            near.reason,
        )
        for near in found.around
    ]
    styles = ["bold" if near.symbol == found.symbol else None for near in found.around]
    typer.echo()
    print_table(("rank", "names around it", "z", "s", "target", "reason"), rows, styles)
