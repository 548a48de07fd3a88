"""Runs the commands of ``flask`` on a gateway under test."""

import json
from typing import Any

from click.testing import Result

from gateway.cli import install
from gateway.testing import Gateway


def with_commands(gateway: Gateway) -> Gateway:
    install(gateway.app)
    return gateway


def run(gateway: Gateway, *words: str, stdin: bytes | None = None) -> Result:
    return gateway.app.test_cli_runner().invoke(args=words, input=stdin)


def done(gateway: Gateway, *words: str, stdin: bytes | None = None) -> str:
    """Return what the command printed; it must not have failed."""
    result = run(gateway, *words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(gateway: Gateway, *words: str, stdin: bytes | None = None) -> Any:
    return json.loads(done(gateway, *words, "--json", stdin=stdin))


def refused(gateway: Gateway, *words: str, stdin: bytes | None = None, exit_code: int = 1) -> str:
    """Return the one message of a command that must refuse: no traceback, nothing printed."""
    result = run(gateway, *words, stdin=stdin)
    assert result.exit_code == exit_code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    return result.stderr.splitlines()[-1]
