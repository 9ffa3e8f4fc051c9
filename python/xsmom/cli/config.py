"""`xsmom config`: check, show, compare and document settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.market import DataDir, PanelFile
from xsmom.cli.output import print_json
from xsmom.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved

DEFAULT_FILE = Path("config.yaml")

app = typer.Typer(no_args_is_help=True, help="Check, show, compare and document settings.")

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="[FILE]",
        show_default="./config.yaml",
        help="A YAML file, or a shipped profile: classic or weekly.",
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated.")
]
Environment = Annotated[
    str | None,
    typer.Option("--env", help="Overlay: dev, staging or production.  [default: $XSMOM_ENV]", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="PATH", help="Write to this file instead.")]


@app.command()
def check(
    file: Source = None,
    overrides: Overrides = None,
    env: Environment = None,
    equity: Annotated[
        float | None,
        typer.Option(
            "--equity", metavar="USDT", min=0.01, help="List the names that an account of this size can trade."
        ),
    ] = None,
    firings: Annotated[
        bool,
        typer.Option(
            "--firings", help="Count how often each guard fires a month, in a backtest of this configuration."
        ),
    ] = False,
    panel: PanelFile = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Read a configuration and say what is wrong with it, and what is odd.

    Ends with 0 when the configuration can be used, warnings or not, and with 3 when it cannot.

    With --equity also: which names are large enough at that equity, what gross and net whole lots leave of the targets,
    and the least equity that the configuration needs. Decision and plan are the core's own, at the newest bar of
    the market that is given. Ends with 1 below the least equity, where `xsmom live` refuses too.

    With --firings also: how often each guard that runs in a backtest would have fired, a month, on the market that is
    given, else on a synthetic one. Its bars are led through the engine, which takes seconds for daily bars and a
    minute or more for hourly ones; without it a check takes a moment.

    \b
    Examples:
      xsmom config check
      xsmom config check classic --set strategy.k_max=6
      xsmom config check config.yaml --firings --panel market.panel
      xsmom config check config.yaml --equity 500 --data lake
      xsmom config check config.yaml --env production --json
    """
    try:
        config = _load(file, overrides, env)
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"ok": False, "mistakes": str(error).splitlines()})
        raise typer.Exit(ConfigError.exit_code) from None
    carried = None
    if equity is not None:
        from xsmom.cli.affordable import look_affordable

        carried = look_affordable(config, equity, panel, data)
    elif (panel is not None or data is not None) and not firings:
        raise typer.BadParameter("a market is looked at only with --equity or --firings", param_hint="--equity")
    counted = None
    if firings:
        from xsmom.cli.firings import look_firings

        counted = look_firings(config, panel, data)
    _tell(config, carried, counted, str(file or DEFAULT_FILE), as_json=as_json)
    if carried is not None and not carried["enough"]:
        from xsmom.cli.main import EXIT_FOUND

        raise typer.Exit(EXIT_FOUND)


def _tell(
    config: Resolved,
    carried: dict[str, Any] | None,
    counted: dict[str, Any] | None,
    name: str,
    *,
    as_json: bool,
) -> None:
    if as_json:
        found = {"ok": True, **_hashes(config), "warnings": config.warnings, "notes": config.notes}
        asked = {"equity": carried, "firings": counted}
        print_json({**found, **{key: one for key, one in asked.items() if one is not None}})
        return
    for line in config.notes:
        typer.echo(f"note: {line}")
    for line in config.warnings:
        typer.echo(f"warning: {line}")
    hint = "" if counted is not None else "; how often its guards would fire is told by --firings"
    typer.echo(f"{name}: can be used (config hash {config.config_hash[:16]}){hint}")
    if carried is not None:
        from xsmom.cli.affordable import print_affordable

        print_affordable(carried)
    if counted is not None:
        from xsmom.cli.firings import print_firings

        print_firings(counted)


@app.command()
def show(
    file: Source = None,
    *,
    overrides: Overrides = None,
    env: Environment = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="What the core is given: its names, its units.")] = False,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value was written.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting in force, defaults included, as YAML that can be loaded again.

    \b
    Examples:
      xsmom config show
      xsmom config show weekly --origin
      xsmom config show --resolved --json
    """
    from xsmom.config.listing import params_lines, settings_lines

    config = _load(file, overrides, env)
    if as_json:
        print_json(_document(config, resolved=resolved, origin=origin))
        return
    lines = params_lines(config) if resolved else settings_lines(config, origin=origin)
    typer.echo("\n".join(lines))


@app.command()
def schema(out: Out = None) -> None:
    """Print the JSON schema, by which editors complete and check a configuration.

    \b
    Examples:
      xsmom config schema --out config.schema.json
    """
    from xsmom.config.reference import json_schema

    _give(json.dumps(json_schema(), indent=2) + "\n", out)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A YAML file or a shipped profile.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The one to compare with.")],
    env: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Print the settings in which two configurations differ.

    Environment variables are left out of both: what is compared is what the files say.

    \b
    Examples:
      xsmom config diff classic config.yaml
      xsmom config diff config.yaml backups/config.yaml --json
    """
    from xsmom.config.listing import differences
    from xsmom.config.load import load_config

    before = load_config(first, environment=env, env={})
    after = load_config(second, environment=env, env={})
    changed = differences(before, after)
    same = before.config_hash == after.config_hash
    if as_json:
        print_json({"same_behaviour": same, "changed": [change._asdict() for change in changed]})
        return
    for change in changed:
        typer.echo(f"{change.name}: {json.dumps(change.before)} -> {json.dumps(change.after)}")
    typer.echo("Both behave the same." if same else f"{len(changed)} settings differ.")


@app.command()
def docs(out: Out = None) -> None:
    """Print the reference of all settings, as Markdown.

    \b
    Examples:
      xsmom config docs | less
      xsmom config docs --out docs/reference/config.md
    """
    from xsmom.config.reference import reference_page

    _give(reference_page(), out)


def _load(file: str | None, overrides: list[str] | None, env: str | None) -> Resolved:
    from xsmom.config.load import load_config

    if file is None:
        if not DEFAULT_FILE.exists():
            raise ConfigError(
                "there is no config.yaml in this folder; `xsmom init DIR` makes a folder with one, "
                "or name a file or a shipped profile (classic, weekly)"
            )
        file = str(DEFAULT_FILE)
    return load_config(file, overrides or (), environment=env)


def _document(config: Resolved, *, resolved: bool, origin: bool) -> dict[str, object]:
    values = config.params() if resolved else config.settings()
    document: dict[str, object] = {"params" if resolved else "settings": values, **_hashes(config)}
    if origin and not resolved:
        document["origins"] = {name: config.origin(name) for name in values}
    return {**document, "notes": config.notes, "warnings": config.warnings}


def _hashes(config: Resolved) -> dict[str, str]:
    return {"config_hash": config.config_hash, "params_hash": config.params_hash}


def _give(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    partial = out.with_name(out.name + ".tmp")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{out} cannot be written: {error.strerror or error}; choose another --out") from None
