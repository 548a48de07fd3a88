"""``flask plugin``: what each plugin adds, what is wrong with one, and a new one to begin with."""

from dataclasses import asdict, fields
from pathlib import Path

import click

from config import ROOT, Settings
from gateway import conformance
from gateway.cli import new_plugin
from gateway.cli.common import Noun, as_json, show_json, show_table, system
from gateway.registry import additions

plugins = Noun("plugin", help="The plugins that this system loads.")


@plugins.command("list")
@as_json
def show(as_json: bool) -> None:
    """List the plugins in their order, with what each adds and the hooks that it implements."""
    added = [
        {
            "plugin": name,
            "fields": [field.name for field in each.fields],
            "match_rules": [rule.name for rule in each.match_rules],
            "commands": [command.name for command in each.commands],
            "hooks": list(each.hooks),
        }
        for name, each in additions(system().settings).items()
    ]
    if as_json:
        show_json(added)
        return
    columns = ("fields", "match_rules", "commands", "hooks")
    show_table(
        ("plugin", *(column.replace("_", " ") for column in columns)),
        [(each["plugin"], *(", ".join(each[column]) for column in columns)) for each in added],
    )


@plugins.command("check")
@click.argument("module")
@as_json
def check(module: str, as_json: bool) -> None:
    """Check that the plugin MODULE keeps every rule; exit code 1 where it does not.

    It is loaded alone, with the settings of this system.
    """
    running = system().settings
    # Rules of other plugins may be named there, and they are not loaded beside it.
    chosen = [row.name for row in fields(Settings) if row.name != "GATEWAY_DEFAULT_MATCH"]
    troubles = conformance.check(module, **{name: getattr(running, name) for name in chosen})
    if as_json:
        show_json({"plugin": module, "troubles": [asdict(each) for each in troubles]})
    else:
        click.echo("\n".join(map(str, troubles)) or f"plugin {module} keeps every rule")
    if troubles:
        raise SystemExit(1)


@plugins.command("new")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=new_plugin.OURS,
    help="Where to write it; by default plugins/ of this checkout.",
)
def new(name: str, folder: Path) -> None:
    """Write the plugin NAME, with a field, a rule, and a test that passes, to begin with."""
    try:
        written = new_plugin.write(name, folder)
    except new_plugin.CannotWrite as error:
        raise click.ClickException(str(error)) from None
    module = new_plugin.module_name(name, folder)
    # A file elsewhere is found by the path; ours is, as it lies in the checkout.
    found = "" if folder.resolve() == new_plugin.OURS else f"PYTHONPATH={folder.resolve()} "
    click.echo("Wrote:")
    for each in written:
        click.echo(f"  {_short(each)}")
    click.echo(f"Test it, check it, run it, in {ROOT}:")
    click.echo(f"  .venv/bin/python -m pytest {_short(written[1])}")
    click.echo(f"  {found}.venv/bin/flask plugin check {module}")
    click.echo(f"  {found}GATEWAY_PLUGINS={module} bin/serve")


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
