"""Requests of real programs, sent byte for byte (tests/callers, which says where they are from)."""

import json
from pathlib import Path

import pytest
from live_gateway import LiveGateway

CALLERS = Path(__file__).parents[1] / "callers"
EXPECTED = json.loads((CALLERS / "expected.json").read_text(encoding="utf-8"))
DOCUMENT = b"\x00\x01\xff\xfePDF%binary\r\n--not a boundary--\x80"


def test_every_recorded_request_has_its_expected_lead() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in CALLERS.glob("*.http"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_request_is_stored_as_it_was_meant(live: LiveGateway, name: str) -> None:
    answer = live.exchange((CALLERS / f"{name}.http").read_bytes())
    assert answer.status == 200
    assert answer.pairs["status_message"] == "Lead Creation Successful"
    lead = live.lead(answer.lead_id)
    lead["notes"] = [note["text"] for note in lead["notes"]]
    lead["events"] = len(lead["events"])
    expected = dict(EXPECTED[name])
    if "file" in expected:
        assert live.file(answer.lead_id) == (expected.pop("file"), DOCUMENT)
    assert {field: lead[field] for field in expected} == expected
