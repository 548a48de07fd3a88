"""``flask secrets``: the keys that encrypt bodies and sensitive values at rest."""

from collections import Counter

import click

from gateway.cli.common import Noun, as_json, show_json, show_table, system
from gateway.cli.progress import progress
from gateway.contract import System
from gateway.sealing import new_key
from gateway.spool import NODE
from gateway.store.rotating import counted, rotate
from gateway.store.sealed_rows import parts

PLAIN = "not sealed"

secret_keys = Noun("secrets", help="The keys that encrypt bodies and sensitive values at rest.")


@secret_keys.command("generate")
def generate() -> None:
    """Print a new key for GATEWAY_SECRET_KEYS; it is stored nowhere."""
    click.echo(new_key())


@secret_keys.command("rotate")
def rotate_keys() -> None:
    """Encrypt with the first key whatever another key or none has encrypted.

    Posts are answered meanwhile. Restart the workers with the new key first, so that what comes is
    encrypted with it. An interrupted run goes on when the command is given again. What cannot be
    read is told and left as it is, and the exit status is then 1.
    """
    running = system()
    if not running.sealer.is_active:
        raise click.ClickException(
            "GATEWAY_SECRET_KEYS has no key; flask secrets generate makes one."
        )
    written: Counter[str] = Counter()
    unreadable = 0
    with progress() as bar:
        for part in parts(running):
            task = bar.add_task(part.name, total=part.count(running))
            for turn in rotate(running, part):
                bar.advance(task, turn.seen)
                written[part.name] += turn.written
                unreadable += len(turn.unreadable)
                for line in turn.unreadable:
                    click.echo(line, err=True)
    told = ", ".join(f"{number} {name}" for name, number in written.items())
    click.echo(f"Encrypted with key {running.sealer.writes}: {told or 'nothing'}.")
    _end(unreadable)


@secret_keys.command("status")
@as_json
def status(as_json: bool) -> None:
    """Count what each key has encrypted; the exit status is 1 where a key is missing."""
    running = system()
    found = {part.name: counted(running, part) for part in parts(running)}
    unreadable = sum(_unreadable(each, running) for each in found.values())
    if as_json:
        show_json(
            {
                "keys": running.sealer.ids,
                "values": {
                    name: {key_id or "plain": number for key_id, number in sorted(each.items())}
                    for name, each in found.items()
                },
                "unreadable": unreadable,
            }
        )
    else:
        show_table(
            ("what", "key", "", "values"),
            [
                (name, key_id or PLAIN, _role(key_id, running), number)
                for name, each in found.items()
                for key_id, number in sorted(each.items())
            ],
        )
    _end(unreadable)


def _role(key_id: str, running: System) -> str | None:
    if key_id in ("", NODE):
        return None
    if key_id == running.sealer.writes:
        return "first: writes"
    return "reads" if key_id in running.sealer.ids else "cannot be read"


def _unreadable(found: Counter[str], running: System) -> int:
    known = {"", NODE, *running.sealer.ids}
    return sum(number for key_id, number in found.items() if key_id not in known)


def _end(unreadable: int) -> None:
    if unreadable:
        click.echo(
            f"{unreadable} values cannot be read. Where you still have the key, "
            "put it at the end of GATEWAY_SECRET_KEYS.",
            err=True,
        )
        raise SystemExit(1)
