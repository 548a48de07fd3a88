"""``flask lead erase`` and ``flask lead export-person``: what a person may ask for."""

from pathlib import Path

import click

from gateway import draining
from gateway.cli.common import show_json, system
from gateway.cli.lead import LEAD_ID, leads
from gateway.cli.progress import progress
from gateway.store.erasing import CannotErase, erase, files_left, look, telling_keys
from gateway.store.exporting import export, files_of

__all__ = ["leads"]


@leads.command("erase")
@click.argument("lead_id", metavar="ID", type=LEAD_ID)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Count what would go; delete nothing.")
def erase_lead(lead_id: int, yes: bool, dry_run: bool) -> None:
    """Erase a person for ever: the lead, its history and files, and their posts in the journal.

    What stays is that it was erased. Interrupted, the same command goes on.
    """
    running = system()
    try:
        found = look(running, lead_id)
        if found is not None:
            rows = ", ".join(f"{n} {name}" for name, n in found.rows.items() if n)
            ids = ", ".join(map(str, found.lead_ids))
            click.echo(f"Lead {ids}: {found.posts} posts{', ' if rows else ''}{rows}.")
        if dry_run:
            return
        if found is not None and not yes:
            click.confirm("Erase all of it? It cannot be brought back", abort=True)
        # Before the lead by which they are found.
        waiting = draining.erase(running, telling_keys(running, lead_id)) if found else 0
        done = 0
        with progress() as bar:
            task = bar.add_task("posts", total=found.posts if found else 0)
            for emptied in erase(running, lead_id):
                done += emptied
                bar.update(task, completed=done)
    except CannotErase as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Erased lead {lead_id} and {done} posts.")
    if waiting:
        click.echo(f"Erased {waiting} posts that waited in the spool of this node.")
    if left := files_left(running, lead_id):
        click.echo(
            f"{left} files were put a moment ago and a post may be about to name them: run this "
            "again in five minutes, or flask files sweep.",
            err=True,
        )


@leads.command("export-person")
@click.argument("lead_id", metavar="ID", type=LEAD_ID)
@click.option(
    "--files",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files into this folder.",
)
def export_person(lead_id: int, folder: Path | None) -> None:
    """Print all that we hold on the person of a lead as one JSON; nothing is masked."""
    running = system()
    held = export(running, lead_id)
    if held is None:
        raise click.ClickException(f"There is no lead {lead_id}.")
    show_json(held)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, sha256 in files_of(running, held["lead"]["lead_id"]):
        try:
            content = running.files.get(sha256)
        except OSError:
            click.echo(f"{name}: its file {sha256} cannot be read.", err=True)
            continue
        # The hash in front keeps two files of one name apart, and the name inside the folder.
        (folder / f"{sha256[:8]}-{Path(name).name or 'file'}"[:200]).write_bytes(content)
