"""Logging: JSON lines in rotating files, a readable console, and no secret in either.

Both our own loggers (structlog) and those of libraries (the standard library's) end in the same
two handlers. Redaction is a processor of both chains, after tracebacks and objects have become text, and
the finished line is searched once more for the values of secrets.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from xsmom.domain.effects import Note, Severity
from xsmom.errors import OutputError
from xsmom.redaction import BLOT, is_secret_name, redact_remembered, redact_value

_LEVELS = {
    Severity.DEBUG: logging.DEBUG,
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
    Severity.CRITICAL: logging.CRITICAL,
}
_CLAIMED = frozenset({"event", "level", "logger", "timestamp", "exception", "exc_info", "stack_info", "at_ms"})
FILE_NAME = "xsmom.jsonl"
FILE_BYTES_MAX = 10_000_000
FILES_MAX = 10  # the live one and nine older ones


def configure_logging(*, folder: Path | None = None, level: str = "INFO", console: TextIO | None = None) -> None:
    """Send every logger of this process to `console` (stderr) and, if named, to files in `folder`.

    Calling it again replaces what was there: a reload must not write lines twice.
    """
    handlers: list[logging.Handler] = [_console_handler(console or sys.stderr)]
    if folder is not None:
        handlers.append(_file_handler(folder))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    # How tables are made is nobody's news, unless it fails.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class NoteLog:
    """Notes of the engine as log lines, by their own names."""

    def __init__(self) -> None:
        self._logger = structlog.get_logger("xsmom.live")

    def tell(self, at_ms: int, notes: Sequence[Note]) -> None:
        """Write them down; nothing that goes wrong here may reach the trader."""
        for note in notes:
            try:
                self._logger.log(_LEVELS[note.severity], note.name, at_ms=at_ms, **_plain(note.fields))
            except (OSError, ValueError, TypeError) as error:
                sys.stderr.write(f"a note was lost ({type(error).__name__}): {note.name}\n")


def _plain(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields whose names no logger claims for itself."""
    return {f"note_{name}" if name in _CLAIMED else name: value for name, value in fields.items()}


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor: secret names lose their value, remembered values vanish from all text."""
    return {key: BLOT if is_secret_name(key) else redact_value(value) for key, value in event.items()}


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _formatter(renderer: Processor) -> logging.Formatter:
    return _RedactingFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact_event,
            renderer,
        ],
    )


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The second net: the finished line, searched for remembered values only; it stays JSON."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_remembered(super().format(record))


class _QuietFailure(logging.Handler):
    """A line that cannot be formatted is reported without its arguments, which may be secret."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        error = sys.exc_info()[1]
        sys.stderr.write(
            f"xsmom: a log line of {record.name} ({record.pathname}:{record.lineno}) "
            f"could not be written: {type(error).__name__}\n"
        )


class _ConsoleHandler(_QuietFailure, logging.StreamHandler[TextIO]):
    pass


class _FileHandler(_QuietFailure, RotatingFileHandler):
    pass


def _console_handler(stream: TextIO) -> logging.Handler:
    handler = _ConsoleHandler(stream)
    colors = stream.isatty()
    renderer = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    handler.setFormatter(_formatter(renderer))
    return handler


def _file_handler(folder: Path) -> logging.Handler:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = _FileHandler(
            folder / FILE_NAME,
            maxBytes=FILE_BYTES_MAX,
            backupCount=FILES_MAX - 1,
            encoding="utf-8",
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot log to {folder}: {reason}; name another folder") from error
    handler.setFormatter(_formatter(structlog.processors.JSONRenderer(ensure_ascii=False)))
    return handler


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception that nobody caught goes the way of every line, and so through redaction."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("xsmom").critical("process.failed", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_type is SystemExit:  # how a thread ends itself; the default hook is silent too
        return
    error = arguments.exc_value or arguments.exc_type()
    _log_uncaught(arguments.exc_type, error, arguments.exc_traceback)
