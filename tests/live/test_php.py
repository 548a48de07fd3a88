"""What the callers were written in: PHP, its curl binding and its streams."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_gateway import LOGIN, SECRET, LiveGateway

SCRIPTS = Path(__file__).parent / "php"
DOCUMENT = bytes(range(256)) * 64

Php = Callable[[str], dict[str, Any]]


@pytest.fixture
def php(live: LiveGateway, tmp_path: Path) -> Php:
    """A function that runs a script and gives what ``parse_str`` read in the answer."""
    document = tmp_path / "doc.pdf"
    document.write_bytes(DOCUMENT)

    def run(script: str) -> dict[str, Any]:
        done = subprocess.run(
            ["php", SCRIPTS / f"{script}.php", live.url, LOGIN, SECRET, document],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    return run


@pytest.mark.parametrize("script", ["curl_query", "stream"])
def test_form_of_http_build_query(live: LiveGateway, php: Php, script: str) -> None:
    answer = php(script)
    lead = live.lead(int(answer["lead_id"]))
    assert answer == {
        "status": "0",
        "status_message": "Lead Creation Successful",
        "lead_id": str(lead["lead_id"]),
    }
    assert lead["full_name"] == "Seán O'Connor & Sons"
    assert lead["company"] == '50% "Off" <Ltd>'
    assert lead["email"] == "sean+web@example.com"
    assert lead["tags"] == ["web", "php"]
    assert [(note["status"], note["text"]) for note in lead["notes"]] == [
        ("Note", "line one\r\nline two"),
        ("Call", "first"),
        ("Mail", "second"),
    ]


@pytest.mark.parametrize("script", ["curl_file", "curl_contents", "query_contents"])
def test_file_arrives_byte_for_byte(live: LiveGateway, php: Php, script: str) -> None:
    lead_id = int(php(script)["lead_id"])
    assert live.file(lead_id) == ("doc.pdf", DOCUMENT)
    assert live.lead(lead_id)["last_name"] == "Großmann"


def test_text_in_windows_1252(live: LiveGateway, php: Php) -> None:
    lead = live.lead(int(php("windows_1252")["lead_id"]))
    assert lead["first_name"] == "Björn"
    assert lead["city"] == "Malmö"
    assert [note["text"] for note in lead["notes"]] == ["“naïve” café, 5 €"]


def test_refusal_is_read_as_php_reads_it(php: Php) -> None:
    answer = php("refused")
    assert answer["status"] == "1"
    assert len(answer["status_message"]) == 2
    assert "lead_id" not in answer
