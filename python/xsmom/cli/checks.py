"""The checks of `xsmom doctor`: each looks at one thing for real and says how to mend it.

A room that brings something worth a look (a database, an exchange) adds one row to `CHECKS`.
"""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from xsmom.cli.finding import Finding, Status
from xsmom.cli.operator_checks import look_at_account, look_at_database, look_at_keys, look_at_lake, read_config
from xsmom.errors import XsmomError

PYTHON_MIN = (3, 11)
PYTHON_TESTED_MAX = (3, 13)
DISK_BYTES_FAIL = 200_000_000  # less cannot hold a day of logs and journal
DISK_BYTES_WARN = 5_000_000_000  # a lake of a few hundred symbols wants this much
ENV_FILE = ".env"


@dataclass(frozen=True)
class Place:
    """What is looked at: the folder the user stands in, and the configuration and exchange he named."""

    folder: Path
    config: Path | None
    exchange: str | None = None


def run_checks(
    folder: Path, config: Path | None, exchange: str | None = None, *, trading: bool = False
) -> list[Finding]:
    """All checks, in the order of `CHECKS`; `trading` leaves out what a trader does not need."""
    place = Place(folder, config, exchange)
    chosen = [check for check in CHECKS if not (trading and check is check_lake)]
    return [finding for check in chosen for finding in check(place)]


def check_core(_place: Place) -> Iterator[Finding]:
    """The extension module: does it load, is it of this version, was it built for speed?"""
    try:
        from xsmom._core import build_info
    except ImportError as error:
        yield Finding("core", Status.FAIL, f"does not load: {error}", "pip install . again")
        return
    info = build_info()
    detail = f"{info['version']}, {info['profile']} build, {info['target']}, SIMD {info['simd']}"
    installed = metadata.version("xsmom")
    if info["version"] != installed:
        mend = "the core and the Python files are of different versions: pip install . again"
        yield Finding("core", Status.FAIL, f"{detail}; package {installed}", mend)
    elif info["profile"] != "release":
        yield Finding("core", Status.WARN, detail, "many times slower than it could be: pip install .")
    else:
        yield Finding("core", Status.OK, detail)


def check_python(_place: Place) -> Iterator[Finding]:
    """The interpreter against the versions that the tests run on."""
    version = sys.version_info[:2]
    detail = ".".join(str(part) for part in sys.version_info[:3])
    span = f"{'.'.join(map(str, PYTHON_MIN))} to {'.'.join(map(str, PYTHON_TESTED_MAX))}"
    if version < PYTHON_MIN:
        yield Finding("python", Status.FAIL, detail, f"install Python {span}")
    elif version > PYTHON_TESTED_MAX:
        yield Finding("python", Status.WARN, detail, f"newer than what is tested ({span})")
    else:
        yield Finding("python", Status.OK, detail)


def check_rust(_place: Place) -> Iterator[Finding]:
    """The Rust toolchain; its absence is no fault once the package is installed."""
    cargo = shutil.which("cargo")
    if cargo is None:
        yield Finding("rust", Status.OK, "no cargo on the PATH; only building from source needs it")
        return
    answer = subprocess.run(  # noqa: S603  the path comes from which(), the arguments are ours
        [cargo, "--version"], capture_output=True, text=True, timeout=20, check=False
    )
    if answer.returncode == 0:
        yield Finding("rust", Status.OK, answer.stdout.strip())
    else:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding("rust", Status.WARN, f"{cargo} fails: {last}", "rustup default stable")


def check_packages(_place: Place) -> Iterator[Finding]:
    """Each package that the core of xsmom needs, with the version found."""
    for requirement in metadata.requires("xsmom") or []:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        try:
            yield Finding(f"package {name}", Status.OK, metadata.version(name))
        except metadata.PackageNotFoundError:
            mend = f"pip install '{requirement}'"
            yield Finding(f"package {name}", Status.FAIL, "not installed", mend)


def check_folder(place: Place) -> Iterator[Finding]:
    """The current folder: can we really write here, and is there room?"""
    try:
        with tempfile.TemporaryFile(dir=place.folder) as probe:
            probe.write(b"xsmom")
        yield Finding("folder", Status.OK, f"{place.folder} can be written")
    except OSError as error:
        mend = "go to a folder of your own, or mend its permissions"
        yield Finding("folder", Status.FAIL, f"{place.folder}: {error.strerror}", mend)
    free = shutil.disk_usage(place.folder).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < DISK_BYTES_FAIL:
        yield Finding("disk", Status.FAIL, detail, "a full disk stops the journal: make room")
    elif free < DISK_BYTES_WARN:
        yield Finding("disk", Status.WARN, detail, "a large lake may want more")
    else:
        yield Finding("disk", Status.OK, detail)


def check_env_file(place: Place) -> Iterator[Finding]:
    """A file of secrets may be read by its owner alone."""
    path = place.folder / ENV_FILE
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        yield Finding("secrets", Status.OK, f"no {ENV_FILE} here; the environment may hold them")
        return
    except OSError as error:
        yield Finding("secrets", Status.FAIL, f"{path}: {error.strerror}", "mend its permissions")
        return
    if mode & 0o077:
        yield Finding(
            "secrets", Status.FAIL, f"{ENV_FILE} has mode {mode:04o}: others may read it",
            f"chmod 600 {ENV_FILE}",
        )  # fmt: skip
    else:
        yield Finding("secrets", Status.OK, f"{ENV_FILE} has mode {mode:04o}")


def check_config(place: Place) -> Iterator[Finding]:
    """The configuration that was named, read exactly as the other commands read it."""
    if place.config is None:
        return
    from xsmom.config.load import load_config

    try:
        load_config(place.config)
    except XsmomError as error:
        first, *others = str(error).splitlines()
        detail = f"{first} (and {len(others)} more)" if others else first
        yield Finding("config", Status.FAIL, detail, f"xsmom config check {place.config}")
    else:
        yield Finding("config", Status.OK, f"{place.config} is valid")


def check_clock(_place: Place) -> Iterator[Finding]:
    """A clock that stands before this package was installed is wrong; bars and orders need it."""
    now_s = time.time()
    now = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
    installed_s = Path(__file__).stat().st_mtime
    if now_s < installed_s:
        yield Finding("clock", Status.FAIL, f"{now} is before xsmom was installed", "set the clock (NTP)")
    else:
        yield Finding("clock", Status.OK, f"{now}; --exchange compares it with an exchange's")


def check_keys(place: Place) -> Iterator[Finding]:
    """The key of the configuration that was named."""
    yield from look_at_keys(read_config(place.config))


def check_database(place: Place) -> Iterator[Finding]:
    """The journals of its traders."""
    yield from look_at_database(read_config(place.config))


def check_lake(place: Place) -> Iterator[Finding]:
    """Its lake."""
    yield from look_at_lake(read_config(place.config))


def check_exchange(place: Place) -> Iterator[Finding]:
    """The exchange that was named, as the configuration reaches it: nothing is sent anywhere unasked."""
    if place.exchange is None:
        return
    from xsmom.cli.exchange import look, look_by

    config = read_config(place.config)
    if config is None or config.value("exchange.id") != place.exchange:
        yield from look(place.exchange, "main", None)
        return
    yield from look_by(config)
    yield from look_at_account(config)


CHECKS: tuple[Callable[[Place], Iterator[Finding]], ...] = (
    check_core,
    check_python,
    check_rust,
    check_packages,
    check_folder,
    check_env_file,
    check_config,
    check_keys,
    check_database,
    check_lake,
    check_clock,
    check_exchange,
)
