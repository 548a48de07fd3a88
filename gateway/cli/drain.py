"""``flask journal drain``: does the posts that wait on this node."""

from dataclasses import asdict

import click

from gateway.cli.common import as_json, show_json, show_table, system
from gateway.cli.journal import journals
from gateway.draining import drain as drain_spool

__all__ = ["journals"]


@journals.command("drain")
@as_json
def drain(as_json: bool) -> None:
    """Do the posts that wait on this node since the database was away.

    The workers do it by themselves; this is for a node that no longer runs. It can be interrupted
    at any moment and goes on when it is given again. The exit status is 1 while posts are left.
    """
    drained = drain_spool(system())
    assert drained is not None  # noqa: S101 it has waited for its turn
    if as_json:
        show_json(asdict(drained))
    else:
        counted = [(name, n) for name, n in asdict(drained).items() if n and name != "is_away"]
        show_table(("what", "posts"), counted)
        if drained.is_away:
            click.echo("The database does not take posts; run this again when it does.", err=True)
    if drained.waiting:
        raise click.exceptions.Exit(1)
