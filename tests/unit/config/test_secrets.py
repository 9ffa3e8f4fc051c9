"""Secrets never stand in YAML, and no message repeats one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xsmom.config.load import load_config
from xsmom.errors import ConfigError


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
    name = "XSMOM__EXCHANGE__API_KEY"
    assert refusal(None, env={name: CANARY}) == (
        f"environment variable {name}: exchange.api_key is not available in this version "
        "(got a value that is not shown here); remove it"
    )


def test_the_mend_of_a_secret_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"exchange:\n  api_key: {CANARY}\n")
    assert refusal(file) == (
        f"{file}:2: exchange.api_key is a secret and must not stand in a YAML file; remove it, "
        "this version reads no such secret"
    )


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
