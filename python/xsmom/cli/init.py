"""`xsmom init`: a folder to start from, written whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from xsmom.errors import OutputError

CONFIG_FILE = "config.yaml"
FOLDERS = ("lake", "state", "runs")  # where a config looks that says nothing else

ENV_EXAMPLE = """\
# What is not for config.yaml: secrets, and what differs on this machine. To use it:
#
#     cp .env.example .env && chmod 600 .env
#
# The environment wins over .env, and .env over config.yaml. Two underscores step into a section.
# Secrets are read from here or from the environment and from nowhere else, and a .env that others
# may read is refused. Research and market data need none. The commands that
# look at an account (xsmom exchange account ...) read these two:
#
#     XSMOM__EXCHANGE__API_KEY=
#     XSMOM__EXCHANGE__API_SECRET=

# XSMOM__STRATEGY__GROSS_LEVERAGE=0.8
# XSMOM__RISK__MAX_DAILY_LOSS_PCT=4
"""

GITIGNORE = """\
# Secrets, and what xsmom can make again.
.env
/lake/
/state/
/runs/
"""

app = typer.Typer()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
) -> None:
    """Start a project folder: a commented config, .env.example, and places for data.

    The configuration is the shipped weekly profile, ready to be checked and changed. DIR must
    not exist, or be empty: nothing is ever overwritten.

    \b
    Examples:
      xsmom init my-fund
      xsmom init my-fund && cd my-fund && xsmom config check config.yaml
    """
    from xsmom.config.profiles import read_profile_text  # brings the config room, not pydantic

    write_project(folder, read_profile_text("weekly"))
    typer.echo(f"{folder}: {CONFIG_FILE}, .env.example, {', '.join(f'{n}/' for n in FOLDERS)}")
    typer.echo(f"Next: cd {quote(str(folder))} && xsmom config check {CONFIG_FILE}")


def write_project(folder: Path, config_text: str) -> None:
    """Make the project beside its place first, then move it there in one step."""
    files = {CONFIG_FILE: config_text, ".env.example": ENV_EXAMPLE, ".gitignore": GITIGNORE}
    _refuse_taken(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{folder.name or 'xsmom'}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _fill(stage, files)
        _move(stage, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _fill(stage: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (stage / name).write_text(text, encoding="utf-8")
    for name in FOLDERS:
        (stage / name).mkdir()


def _move(stage: Path, folder: Path) -> None:
    """One rename where the folder is new; entry by entry, undone on failure, where it is empty.

    An existing folder is filled rather than replaced: it may be where the user's shell stands.
    """
    if not folder.exists():
        stage.chmod(0o755)  # mkdtemp closes its folder to others; a project need not be
        stage.rename(folder)
        return
    moved: list[Path] = []
    try:
        for entry in sorted(stage.iterdir()):
            target = folder / entry.name
            entry.rename(target)
            moved.append(target)
    except OSError:
        for target in moved:
            target.rename(stage / target.name)
        raise


def _refuse_taken(folder: Path) -> None:
    try:
        if folder.is_symlink() and not folder.exists():
            raise OutputError(f"{folder} is a broken link: remove it, or choose another folder")
        if not folder.exists():
            return
        if not folder.is_dir():
            raise OutputError(f"{folder} is a file: choose another name for the folder")
        taken = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise _unwritable(folder, error) from error
    if taken:
        raise OutputError(
            f"{folder} is not empty (it holds {taken[0]}), and nothing is overwritten: "
            "choose a new folder, or move what is there away"
        )


def _unwritable(folder: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"cannot write {folder}: {reason}; choose a folder that you may write to")
