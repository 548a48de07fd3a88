"""An erasure that is killed, or meets a post, a merge or another one, leaves nothing half done."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.journal import reducing, sweeping
from gateway.models import Erasure
from gateway.store import erasing
from gateway.testing import Gateway
from tests.cli_runner import done, run
from tests.erasing.persons import MARK, plant, remains, rows


class Killed(Exception):
    """Stands for a kill: everything after it is not done."""


@pytest.mark.parametrize("after", range(6))
def test_erasure_that_was_killed_goes_on(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    lead_id = plant(gateway)
    monkeypatch.setattr(reducing, "AT_ONCE", 5)
    turns = iter(range(after))
    real = erasing.in_transaction

    def killed(engine: Any, work: Callable[[Connection], Any]) -> Any:
        if next(turns, None) is None:
            raise Killed
        return real(engine, work)

    monkeypatch.setattr(erasing, "in_transaction", killed)
    assert isinstance(run(gateway, "lead", "erase", str(lead_id), "--yes").exception, Killed)
    monkeypatch.setattr(erasing, "in_transaction", real)
    done(gateway, "lead", "erase", str(lead_id), "--yes")
    assert list(remains(gateway)) == []


def test_files_that_could_not_be_removed_go_with_the_next_run(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_id = plant(gateway)
    with monkeypatch.context() as while_busy:
        while_busy.setattr(sweeping, "IN_PROGRESS", timedelta(hours=1))
        result = run(gateway, "lead", "erase", str(lead_id), "--yes")
    assert "put a moment ago" in result.stderr
    assert {each.partition(" ")[0] for each in remains(gateway)} == {"file"}
    done(gateway, "files", "sweep")
    assert list(remains(gateway)) == []
    assert [each["pending"] for each in rows(gateway, Erasure.__table__)] == [None, None]


def test_post_that_comes_while_the_person_is_erased_is_emptied_too(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_id = plant(gateway)
    steps = erasing.erase(gateway.system, lead_id)
    next(steps)
    gateway.send(mode="update", lead_id=str(lead_id), note=f"{MARK} meanwhile")
    assert list(steps)
    assert list(remains(gateway)) == []


def test_lead_that_is_merged_while_it_is_erased_is_not_called_erased(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    keep = gateway.send(full_name="Bob Roe").lead_id
    steps = erasing.erase(gateway.system, lead_id)
    next(steps)
    done(gateway, "lead", "merge", str(keep), str(lead_id))
    with pytest.raises(erasing.CannotErase, match=f"was merged into lead {keep}"):
        list(steps)
    done(gateway, "lead", "erase", str(keep), "--yes")
    assert list(remains(gateway)) == []


def test_two_erasures_at_once_are_one(gateway: Gateway) -> None:
    lead_id = plant(gateway)
    first, second = (erasing.erase(gateway.system, lead_id) for _ in range(2))
    assert next(first)
    assert sum(second) >= 0
    assert list(first) == [0]
    assert list(remains(gateway)) == []
