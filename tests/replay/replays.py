"""Refuses posts, replays them, and reads their rows of the journal."""

import json
from typing import Any

from sqlalchemy import update

from gateway.models import Submission
from gateway.testing import Gateway
from tests.cli_runner import run

_submission = Submission.__table__


def refuse(gateway: Gateway, **fields: object) -> str:
    """Post what is refused for its mode, and return its request id."""
    answer = gateway.send(**{"mode": "insrt", "full_name": "Ann Lee", **fields})  # type: ignore[arg-type]
    assert answer.status == 1
    return answer.headers["X-Request-Id"]


def row_of(gateway: Gateway, request_id: str) -> dict[str, Any]:
    return next(row for row in gateway.journal() if row["request_id"] == request_id)


def change(gateway: Gateway, request_id: str, **values: Any) -> None:
    with gateway.system.engine.begin() as connection:
        connection.execute(
            update(_submission).where(_submission.c.request_id == request_id).values(values)
        )


def replayed(gateway: Gateway, *words: str, exit_code: int = 0) -> list[dict[str, Any]]:
    result = run(gateway, "journal", "replay", *words, "--json")
    assert result.exit_code == exit_code, result.output
    return list(json.loads(result.stdout))


def why(gateway: Gateway, *words: str) -> str:
    """Return why the one post is left; nothing was done with it."""
    before = gateway.journal(), gateway.count()
    (result,) = replayed(gateway, *words, exit_code=1)
    assert (result["outcome"], result["replay"]) == ("left", None)
    assert (gateway.journal(), gateway.count()) == before
    return str(result["messages"][0])
