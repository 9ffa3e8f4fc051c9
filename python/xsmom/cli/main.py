"""The console entry `xsmom`: from arguments to an exit code, and every error to one sentence."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import TyperException

EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count

COLUMNS_OF_HELP = 80
"""Help grows no wider, however wide the terminal."""


def run() -> None:
    """Entry of the console script."""
    _open_standard_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        # Answered before typer is imported: scripts and health checks ask this often.
        from xsmom._core import __version__

        print(f"xsmom {__version__}")
        return
    if arguments in (["--help"], ["-h"]) and "_XSMOM_COMPLETE" not in os.environ and _is_wide():
        _print_front_help()
        return
    # The interpreter's last look for garbage, among all that was loaded and ends with the process anyway, is a tenth
    # of a short command's time. Registered first, this comes after all else that is done at the end.
    atexit.register(gc.freeze)
    raise SystemExit(main(arguments))


def _open_standard_streams() -> None:
    """Streams that were closed before the start lead nowhere: else the next file that is opened takes their number.

    What a library then writes to its standard output would go into a journal.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _is_wide() -> bool:
    """Whether help is laid out for 80 columns: in a wide terminal, and where there is none."""
    try:
        told = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        told = 0
    if told > 0:
        return told >= COLUMNS_OF_HELP
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns >= COLUMNS_OF_HELP
    except (OSError, ValueError):
        return True


def _print_front_help() -> None:
    """What typer would print, as it was when docs/generate.py asked: six times the start of Python without it."""
    # Not by pathlib, whose import takes longer than all the rest.
    path = os.path.join(os.path.dirname(__file__), "help.txt")  # noqa: PTH118, PTH120
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        from xsmom.cli.front import EXIT_BROKEN_PIPE, mute_stdout

        mute_stdout()
        raise SystemExit(EXIT_BROKEN_PIPE) from None


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; prints, but never raises."""
    # Starting makes very many small things that live to the end: looking among them for garbage every 700
    # of them is a sixth of a short command's time.
    gc.set_threshold(100_000, 20, 20)
    # The threads of NumPy's BLAS wait for work by spinning, a third of what importing NumPy takes, and would split
    # sums by the number of cores. What we multiply are a few hundred numbers.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Looking for plug-ins of pydantic reads the metadata of every installed package; we want none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from typer import Abort, TyperException
    from typer.main import get_command

    from xsmom.cli.front import EXIT_BROKEN_PIPE, Front, app, mute_stdout
    from xsmom.errors import XsmomError

    front = Front()
    try:
        # Without arguments the help is the answer, not an error.
        result = get_command(app).main(
            list(arguments) or ["--help"], prog_name="xsmom", standalone_mode=False, obj=front
        )
        sys.stdout.flush()
    except BrokenPipeError:
        mute_stdout()
        return EXIT_BROKEN_PIPE
    except TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, Abort):
        return _say("interrupted", EXIT_INTERRUPTED)
    except XsmomError as error:
        return _fail(error, str(error), error.exit_code, front.debug)
    except Exception as error:  # noqa: BLE001  the last catcher: no traceback reaches a user unasked
        text = f"unexpected {type(error).__name__}: {error}; this is a bug, --debug shows where"
        return _fail(error, text, EXIT_BUG, front.debug)
    if result == EXIT_INTERRUPTED:  # typer turns Ctrl-C into a silent exit
        return _say("interrupted", EXIT_INTERRUPTED)
    return result if isinstance(result, int) else 0


def _usage(error: TyperException) -> int:
    """A command line that cannot be understood: the sentence, and where the help is."""
    text = error.format_message()
    if text.startswith("Usage:"):  # a group without a sub-command answers with its whole help
        sys.stderr.write(f"{text}\n")
        return EXIT_USAGE
    message = " ".join(text.split())
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "xsmom"
    return _say(f"{message.rstrip('.')} (see {path} --help)", EXIT_USAGE)


def _fail(error: BaseException, text: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        from xsmom.redaction import redact_text

        sys.stderr.write(redact_text("".join(traceback.format_exception(error))))
    return _say(text, code)


def _say(text: str, code: int) -> int:
    from xsmom.redaction import redact_text

    sys.stderr.write(f"xsmom: {redact_text(text)}\n")
    return code
