"""Secrets never stand in YAML, and no message repeats one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from xsmom.config.listing import settings_lines
from xsmom.config.load import load_config
from xsmom.config.resolved import Resolved
from xsmom.errors import ConfigError
from xsmom.redaction import forget_secrets, redact_text


def refusal(file: Path | None, **given: object) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(file, **{"env": {}, **given})  # type: ignore[arg-type]
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("strategy:\n  k_max: 5\n")
    return tmp_path


CANARY = "hunter2-canary-XYZ"


@pytest.mark.parametrize(
    "text",
    [
        f"exchange:\n  api_key: {CANARY}\n",
        f"exchange:\n  api_secret: [{CANARY}]\n",
        f"exchange:\n  api_secrt: {CANARY}\n",
        f"telegram_token: {CANARY}\n",
        f"exchagne:\n  api_key: {CANARY}\n",
        f"strategy:\n  webhooks: [{CANARY}]\n",
        f"strategy:\n  my_key_is: {CANARY}\n",
        f"strategy: {CANARY}\n",
        f"exchange.api_key: {CANARY}\n",
        f"strategy:\n  password: {CANARY}\n",
        f"desk: {{telegram: {{token: {CANARY}}}}}\n",
        f"notifications:\n  urls: [discord://{CANARY}]\n",
        f"storage: {{url: 'postgresql://me:{CANARY}@db/x'}}\n",
    ],
)
def test_a_secret_in_yaml_is_refused_and_never_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    found = refusal(file)
    assert CANARY not in found
    assert str(file) in found


def test_a_secret_in_the_environment_is_never_repeated() -> None:
    name = "XSMOM__EXCHANGE__API_PASSWORD"
    assert refusal(None, env={name: CANARY}) == (
        f"environment variable {name}: exchange.api_password is not available in this version "
        "(got a value that is not shown here); remove it"
    )


def test_the_mend_of_a_secret_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"exchange:\n  api_key: {CANARY}\n")
    assert refusal(file) == (
        f"{file}:2: exchange.api_key is a secret and must not stand in a YAML file; give it as "
        "environment variable XSMOM__EXCHANGE__API_KEY or in a .env file of mode 0600"
    )
    file.write_text(f"exchange:\n  api_password: {CANARY}\n")
    assert refusal(file).endswith("remove it, this version reads no such secret")


def test_a_secret_on_the_command_line_is_refused() -> None:
    found = refusal(None, set=[f"exchange.api_key={CANARY}"])
    assert found == (
        "--set: exchange.api_key is a secret and must not stand on a command line, which others may read; give it "
        "as environment variable XSMOM__EXCHANGE__API_KEY or in a .env file of mode 0600"
    )


@pytest.fixture
def with_keys(folder: Path) -> Iterator[Resolved]:
    """Keys from the environment and from a file that only its owner may read."""
    dotenv = folder / ".env"
    dotenv.write_text(f"XSMOM__EXCHANGE__API_SECRET={CANARY}-2\n")
    dotenv.chmod(0o600)
    yield load_config(folder / "config.yaml", env={"XSMOM__EXCHANGE__API_KEY": CANARY})
    forget_secrets()


def test_secrets_are_read_and_shown_nowhere(with_keys: Resolved) -> None:
    exchange = with_keys.written.exchange
    assert exchange.api_key is not None
    assert exchange.api_key.get_secret_value() == CANARY
    assert exchange.api_secret is not None
    assert exchange.api_secret.get_secret_value() == f"{CANARY}-2"
    told = [repr(with_keys), repr(with_keys.settings()), *settings_lines(with_keys, origin=True)]
    assert CANARY not in "".join(told)
    assert not any("api_key" in line for line in settings_lines(with_keys, origin=True))
    assert CANARY not in redact_text(f"the key is {CANARY}")


def test_keys_are_no_part_of_what_a_run_is(with_keys: Resolved) -> None:
    without = load_config(None, {"strategy.k_max": 5}, env={})
    assert with_keys.config_hash == without.config_hash


def test_a_secret_too_short_to_keep_out_of_logs_is_refused() -> None:
    assert "at least 6" in refusal(None, env={"XSMOM__EXCHANGE__API_KEY": "abc"})


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_dotenv_with_a_secret_is_for_its_owner_alone(folder: Path, mode: int) -> None:
    dotenv = folder / ".env"
    dotenv.write_text(f"SOME_BOT_TOKEN={CANARY}\n")
    dotenv.chmod(mode)
    assert refusal(folder / "config.yaml") == (
        f"{dotenv} holds SOME_BOT_TOKEN and has mode {mode:04o}, so that others may read it; chmod 600 {dotenv}"
    )
    dotenv.chmod(0o600)
    load_config(folder / "config.yaml", env={})


def test_a_traceback_of_a_mistake_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"exchange:\n  api_key: {CANARY}\nstrategy: {{k_max: x}}\n")
    program = f"from xsmom.config.load import load_config\nload_config({str(file)!r}, env={{}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ConfigError" in done.stderr
    assert CANARY not in done.stderr
    assert "ValidationError" not in done.stderr
