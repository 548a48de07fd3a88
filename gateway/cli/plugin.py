"""``flask plugin``: what each plugin adds."""

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
