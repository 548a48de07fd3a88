"""The plugin of an insurance agency: its cases on every engine, and its outbox."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.testing import Gateway, check_plugin

CASES = sorted((Path(__file__).parent / "cases" / "insurance").glob("*.toml"))
OUTBOX = "INSURANCE_OUTBOX"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(
    path: Path, run_case: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OUTBOX, raising=False)
    run_case(path)


def test_plugin_keeps_to_the_rules() -> None:
    check_plugin("plugins.insurance")


def test_new_lead_is_a_line_of_the_outbox(
    make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outbox = tmp_path / "outbox.jsonl"
    monkeypatch.setenv(OUTBOX, str(outbox))
    gateway = make_gateway("plugins.insurance")
    made = gateway.send(full_name="Ann Lee", coverages=["Auto", "Life"])
    gateway.send(full_name="Ann Lee", mode="update", lead_id=1001, coverages="Home")
    gateway.send(full_name="Bob Ray", dry_run="1")
    gateway.send(full_name="Bob Ray", followup_date="soon", mode="update", lead_id=1)
    gateway.send(full_name="Bob Ray", drivers_license="D1234567")
    lines = outbox.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["lead_id"] for line in lines] == [1001, 1002]
    assert json.loads(lines[0]) == {
        "lead_id": 1001,
        "coverages": ["Auto", "Life"],
        "request_id": made.headers["X-Request-Id"],
    }
    assert json.loads(lines[1])["coverages"] == []
    assert not {"Ann", "Bob", "D1234567"} & set(outbox.read_text(encoding="utf-8").split('"'))


def test_outbox_that_cannot_be_written_leaves_the_lead_and_its_answer(
    make_gateway: Callable[..., Gateway],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(OUTBOX, str(tmp_path / "no such folder" / "outbox.jsonl"))
    gateway = make_gateway("plugins.insurance")
    answer = gateway.send(full_name="Ann Lee")
    assert (answer.status, answer.lead_id, gateway.count()) == (0, 1001, 1)
    assert answer.headers["X-Request-Id"] in caplog.text
