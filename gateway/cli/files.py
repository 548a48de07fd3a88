"""``flask files``: the file store."""

import click

from gateway.cli.common import Noun, system
from gateway.cli.progress import progress
from gateway.journal.sweeping import sweep as sweep_files
from gateway.store.erasing import finish, unfinished

files = Noun("files", help="The file store.")


@files.command("sweep")
@click.option("--dry-run", is_flag=True, help="Count what would go; remove nothing.")
def sweep(dry_run: bool) -> None:
    """Remove files that no row names and that are older than a day; posts are taken meanwhile."""
    running = system()
    if not dry_run:
        for lead_id in unfinished(running):
            finish(running, lead_id)
    seen = gone = 0
    with progress() as bar:
        task = bar.add_task("files", total=None)
        for batch in sweep_files(running, dry_run=dry_run):
            seen += batch.seen
            gone += len(batch.gone)
            bar.update(task, completed=seen)
    click.echo(f"{'Would remove' if dry_run else 'Removed'} {gone} of {seen} files.")
