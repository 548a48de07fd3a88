"""``flask plugin``: what each plugin adds."""

from gateway.cli.common import Noun, as_json, show_json, show_table, system
from gateway.registry import additions

plugins = Noun("plugin", help="The plugins that this system loads.")


@plugins.command("list")
@as_json
def show(as_json: bool) -> None:
    """List the plugins in their order, with the fields and match rules that each adds."""
    running = system()
    added = [
        {
            "plugin": name,
            "fields": [field.name for field in fields],
            "match_rules": [rule.name for rule in rules],
        }
        for name, (fields, rules) in additions(running.settings).items()
    ]
    if as_json:
        show_json(added)
        return
    show_table(
        ("plugin", "fields", "match rules"),
        [
            (each["plugin"], ", ".join(each["fields"]), ", ".join(each["match_rules"]))
            for each in added
        ],
    )
