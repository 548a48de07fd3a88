"""``flask journal balance`` ends with 1 where books do not balance, with 2 where nobody knows."""

from errno import EACCES
from typing import Any

import pytest

from gateway.testing import Gateway
from tests.cli_runner import refused
from tests.real_program import DATABASES_AWAY, flask


@pytest.mark.parametrize("url", DATABASES_AWAY)
def test_database_that_does_not_answer_is_no_imbalance(url: str) -> None:
    result = flask(url, "journal", "balance")
    assert result.returncode == 2
    assert result.stdout == b""
    assert result.stderr.decode().startswith("Error: The database does not answer: ")
    assert len(result.stderr.splitlines()) == 1
    assert b"hush" not in result.stderr


def test_database_without_tables_is_no_imbalance(bare_database: str) -> None:
    result = flask(bare_database, "journal", "balance", "--json")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"run flask db upgrade" in result.stderr


def test_spool_that_cannot_be_read_is_no_imbalance(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Any) -> Any:
        raise PermissionError(EACCES, "Permission denied", str(path))

    monkeypatch.setattr("gateway.spool.os.scandir", closed)
    why = refused(gateway, "journal", "balance", exit_code=2)
    assert "run this as the user of the gateway" in why
