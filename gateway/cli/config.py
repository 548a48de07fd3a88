"""``flask config``: the settings of this system."""

import click

from config import meanings, origins, unknown
from gateway.cli.common import Noun, as_json, show_json, show_table, system

config = Noun("config", help="The settings of this system.")


@config.command("show")
@as_json
def show(as_json: bool) -> None:
    """Show every setting, its value (secrets masked), where it came from, and what it means."""
    values, sources, texts = system().settings.shown(), origins(), meanings()
    for name in unknown():
        click.echo(f"Warning: {name} is no setting; it has no effect.", err=True)
    if as_json:
        show_json(
            {
                name: {"value": value, "origin": sources[name], "meaning": texts[name]}
                for name, value in values.items()
            }
        )
        return
    show_table(
        ("setting", "value", "from", "meaning"),
        [(name, value, sources[name], texts[name]) for name, value in values.items()],
    )
