"""What `flask journal balance` says of a gateway, and ways to put it out of balance."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from stored_rows import change

from gateway.models import Lead, MatchKey, Submission
from gateway.store.writing import inserted_key
from gateway.testing import Gateway, Response
from tests.cli_runner import done, run, shown

_lead = Lead.__table__
_submission = Submission.__table__


def balanced(gateway: Gateway, *words: str) -> dict[str, Any]:
    found = shown(gateway, "journal", "balance", *words)
    assert (found["posts"]["holds"], found["leads"]["holds"]) == (True, True)
    assert (found["wrong"], found["offenders"]) == (0, [])
    return dict(found)


def unbalanced(gateway: Gateway, *words: str, which: str) -> list[dict[str, Any]]:
    """Return the offenders; only the equation ``which`` does not hold."""
    result = run(gateway, "journal", "balance", *words, "--json")
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    held = {name: found[name]["holds"] for name in ("posts", "leads")}
    assert held == {"posts": which != "posts", "leads": which != "leads"}
    assert found["wrong"] == len(found["offenders"])
    return list(found["offenders"])


def leads(found: dict[str, Any]) -> tuple[int, ...]:
    names = ("made", "present", "merged_away", "erased", "imported")
    return tuple(found["leads"][name] for name in names)


def request_id(answer: Response) -> str:
    return str(answer.headers["X-Request-Id"])


def set_row(gateway: Gateway, post: str, **values: Any) -> None:
    change(gateway, update(_submission).where(_submission.c.request_id == post).values(values))


def delete_row(gateway: Gateway, post: str) -> None:
    change(gateway, delete(_submission).where(_submission.c.request_id == post))


def delete_lead(gateway: Gateway, lead_id: int) -> None:
    keys = MatchKey.__table__
    change(
        gateway,
        delete(keys).where(keys.c.lead_id == lead_id),
        delete(_lead).where(_lead.c.lead_id == lead_id),
    )


def add_lead(gateway: Gateway, **values: Any) -> int:
    now = datetime.now(UTC)
    row = {"created_at": now, "updated_at": now, "city": "Nowhere", **values}
    with gateway.system.engine.begin() as connection:
        return inserted_key(connection.execute(insert(_lead).values(row)))


def make_import(gateway: Gateway, folder: Path, *names: str) -> None:
    path = folder / f"{names[0]}.csv"
    path.write_text("\n".join(["external_id", *names, ""]))
    done(gateway, "lead", "import", str(path))


@contextmanager
def away(gateway: Gateway) -> Iterator[None]:
    """Have posts spooled until the block ends."""
    gateway.system.snapshot.refresh(gateway.system.engine)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gateway.system.breaker, "may_try", lambda: False)
        yield


def spooled(gateway: Gateway, **fields: Any) -> str:
    with away(gateway):
        answer = gateway.send(**fields)
    assert answer.headers["X-Gateway-Error"] == "spooled"
    return request_id(answer)
