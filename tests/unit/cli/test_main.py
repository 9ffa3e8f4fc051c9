"""From arguments to an exit code: every way out of the program, and what is said on the way."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

import xsmom
from xsmom import errors, redaction
from xsmom.cli import doctor
from xsmom.cli.main import main, run
from xsmom.cli.table import COMMANDS

SECRET = "pl4nted-s3cr3t-value"
COMMAND = [sys.executable, "-W", "ignore", "-m", "xsmom"]


def failing(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


def ask(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str) -> None:
    answer = ask(option)
    assert (answer.returncode, answer.stdout) == (0, f"xsmom {xsmom.__version__}\n")


def test_version_is_also_an_option_among_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--debug", "--version"]) == 0
    assert capsys.readouterr().out == f"xsmom {xsmom.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "Usage: xsmom" in text
    assert "Examples:" in text
    for row in COMMANDS:
        assert re.search(rf"^  {row.name} +{re.escape(row.help_line[:20])}", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nonsense"], "xsmom: No such option: --nonsense (see xsmom --help)\n"),
        (["doctr"], "xsmom: No such command 'doctr'. Did you mean 'doctor'? (see xsmom --help)\n"),
        (["doctor", "--jsn"], r"xsmom: No such option: --jsn.* \(see xsmom doctor --help\)\n"),
        (["init"], r"xsmom: Missing argument 'DIR' \(see xsmom init --help\)\n"),
        (["doctor", "surplus"], r"xsmom: Got unexpected extra argument.*\(see xsmom doctor --help\)\n"),
    ],
)
def test_usage_errors_are_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == sentence or re.fullmatch(sentence, captured.err), captured.err


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Usage: xsmom config")
    assert any(line.startswith("  check ") for line in lines)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("k_max is 3, below k_min 5: raise it"), 3),
        (errors.KernelError("close of BTC at bar 5: negative"), 4),
        (errors.OutputError("cannot write"), 6),
        (errors.RateLimited("pause"), 12),
        (errors.JournalCorrupt("gap at 7"), 22),
    ],
)
def test_our_errors_are_one_sentence_and_their_own_exit_code(
    error: errors.XsmomError,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "run_checks", failing(error))
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == f"xsmom: {error}\n"


def test_a_bug_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "run_checks", failing(ZeroDivisionError("division by zero")))
    assert main(["doctor"]) == 70
    text = capsys.readouterr().err
    assert text.startswith("xsmom: unexpected ZeroDivisionError: division by zero; this is a bug")
    assert text.count("\n") == 1


@pytest.mark.parametrize("error", [errors.ConfigError("wrong"), ZeroDivisionError("wrong")])
def test_debug_adds_the_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "run_checks", failing(error))
    assert main(["--debug", "doctor"]) in {3, 70}
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert "in fail" in text
    assert text.splitlines()[-1].startswith("xsmom: ")


def test_no_secret_leaves_by_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "run_checks", failing(RuntimeError(f"bad key {SECRET}")))
    redaction.remember_secret(SECRET)
    try:
        assert main(["--debug", "doctor"]) == 70
    finally:
        redaction.forget_secrets()
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err
    assert redaction.BLOT in captured.err


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "run_checks", failing(KeyboardInterrupt()))
    assert main(["doctor"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_real_signal_ends_quietly() -> None:
    code = (
        "import sys, time; from xsmom.cli import doctor, main\n"
        "def wait(*_): print('ready', flush=True); time.sleep(60)\n"
        "doctor.run_checks = wait; sys.argv = ['xsmom', 'doctor']; main.run()"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["config", "--help"], 0),
        (["config", "show", "classic"], 0),
        (["no-such"], 2),
    ],
)
def test_streams_that_are_closed_lead_nowhere(arguments: list[str], code: int) -> None:
    for closed in ((1,), (0, 1, 2)):
        answer = subprocess.run(
            ["sh", "-c", '"$@" ' + " ".join(f"{number}>&-" for number in closed), "sh", *COMMAND, *arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert answer.returncode == code
        assert "unexpected" not in answer.stderr


def test_no_file_takes_the_place_of_a_closed_stream() -> None:
    code = (
        "import os; from xsmom.cli.main import _open_standard_streams as open_; open_()\n"
        "same = [os.path.samestat(os.fstat(k), os.stat(os.devnull)) for k in range(3)]\n"
        "raise SystemExit(0 if all(same) else 9)"
    )
    answer = subprocess.run(
        ["sh", "-c", '"$@" 0<&- >&- 2>&-', "sh", sys.executable, "-c", code], check=False, timeout=60
    )
    assert answer.returncode == 0


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--json"], ["doctor"]])
def test_a_closed_pipe_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        answer = subprocess.run(
            [*COMMAND, *arguments],
            stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (answer.returncode, answer.stderr) == (141, "")


def test_completion_offers_commands_and_options() -> None:
    commands = ask(_XSMOM_COMPLETE="complete_bash", _TYPER_COMPLETE_ARGS="xsmom ", COMP_WORDS="xsmom ", COMP_CWORD="1")
    assert commands.stdout.split() == [row.name for row in COMMANDS]
    options = ask(_XSMOM_COMPLETE="complete_bash", COMP_WORDS="xsmom doctor --", COMP_CWORD="2")
    assert {"--config", "--exchange", "--json", "--help"} == set(options.stdout.split())


def test_show_completion_prints_a_script() -> None:
    # With shell detection off the option takes the name of the shell.
    answer = ask("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert answer.returncode == 0
    assert "complete" in answer.stdout
    assert "_XSMOM_COMPLETE=complete_bash" in answer.stdout


def test_run_exits_with_the_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["xsmom", "--nonsense"])
    with pytest.raises(SystemExit) as raised:
        run()
    assert raised.value.code == 2
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("columns", [None, "60", "79", "80", "200", "0", "-90", "wide", " 60 "])
def test_help_is_what_typer_prints(option: str, columns: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    answer = subprocess.run(
        [*COMMAND, option],
        env=kept if columns is None else kept | {"COLUMNS": columns},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", columns or "80")
        patch.setattr(os, "get_terminal_size", failing(OSError("no terminal")))
        assert main([option]) == 0
    assert answer.stdout == capsys.readouterr().out
    assert answer.stdout.splitlines()[0].startswith("Usage: xsmom")


@pytest.mark.skipif(sys.platform == "win32", reason="asks a terminal")
@pytest.mark.parametrize("columns", [50, 120])
def test_help_fits_the_terminal(columns: int, capsys: pytest.CaptureFixture[str]) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with os.fdopen(ours, "rb", buffering=0) as reader:
        process = subprocess.Popen([*COMMAND, "--help"], env=kept, stdout=theirs)
        os.close(theirs)
        told = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is gone
            while piece := reader.read(4096):
                told += piece
    assert process.wait(timeout=30) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        assert main(["--help"]) == 0
    assert told.decode().splitlines() == capsys.readouterr().out.splitlines()


COUNT_THREADS = """
import os
from xsmom.cli.main import main
assert main(["--help"]) == 0
import numpy as np
np.ones(9) @ np.ones(9)
print(len(os.listdir("/proc/self/task")), os.environ["OPENBLAS_NUM_THREADS"])
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux tells them")
@pytest.mark.parametrize("asked", [None, "2"])
def test_no_thread_waits_for_work_that_does_not_come(asked: str | None) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COUNT_THREADS],
        env=kept if asked is None else kept | {"OPENBLAS_NUM_THREADS": asked},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    threads = 1 if asked is None else min(2, len(os.sched_getaffinity(0)))
    assert answer.stdout.splitlines()[-1] == f"{threads} {asked or 1}"


def test_nothing_is_looked_for_among_what_ends_with_the_process() -> None:
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count() > 10_000))\n"
        "from xsmom.cli.main import run; sys.argv = ['xsmom', '--debug', '--version']; run()"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.splitlines() == [f"xsmom {xsmom.__version__}", "True"]
