"""The posts that wait in the spool of this node, as a part of what is sealed."""

from collections.abc import Iterator, Sequence

from gateway.contract import System
from gateway.sealing import CannotOpen
from gateway.spool import BrokenFile, sealed_by
from gateway.store.rotating import Held, Part


def _count(system: System) -> int:
    return system.spool.waiting().posts


def _pages(system: System) -> Iterator[tuple[int, Sequence[Held]]]:
    held = []
    for path in system.spool.paths():
        try:
            held.append(Held(path, {"post": sealed_by(path)}))
        except FileNotFoundError:  # drained just now
            continue
    if held:
        yield len(held), held


def _renew(system: System, held: Sequence[Held]) -> tuple[int, Sequence[str]]:
    """Seal files anew; in the place of the drainer, so that none is done and put back."""
    written, troubles = 0, []
    with system.spool.drainer(wait=True):
        for each in held:
            try:
                system.spool.renew(each.key)
            except FileNotFoundError:  # drained just now
                continue
            except (BrokenFile, CannotOpen) as error:
                troubles.append(f"spool {each.key.name}: {error}")
            except OSError as error:
                troubles.append(f"spool {each.key.name}: not written ({type(error).__name__})")
            else:
                written += 1
    return written, troubles


SPOOL = Part(name="spool", count=_count, pages=_pages, renew=_renew)
