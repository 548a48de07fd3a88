"""What the tests of the hooks share."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from gateway import Command
from gateway.models import MatchKey
from gateway.testing import Gateway

JOHN = {"full_name": "John Doe", "phone": "132-123-1234"}


MATCH = {"match_update": "1"}


Start = Callable[..., Gateway]


def raises(**_: Any) -> None:
    raise ZeroDivisionError("inner text")


def is_fault(answer: Any) -> bool:
    reference = answer.headers["X-Request-Id"]
    return bool(answer.status_message == f"Internal error, reference {reference}")


def stored_keys(gateway: Gateway) -> set[bytes]:
    with gateway.system.engine.connect() as connection:
        return {bytes(each) for each in connection.scalars(select(MatchKey.digest))}


def command(run: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    def commands(settings: Any) -> list[Command]:
        return [Command("lead.count-1", run)]

    return {"commands": commands}
