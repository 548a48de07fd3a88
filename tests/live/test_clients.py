"""Clients that every machine has: curl, Python's urllib, a socket and a line of HTTP."""

import subprocess
from pathlib import Path
from urllib.parse import parse_qs
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from live_gateway import LOGIN, SECRET, LiveGateway, form, read_answer, request

LOGIN_FIELDS = {
    "command": "lead_set",
    "mode": "insert",
    "ai_login_id": LOGIN,
    "ai_login_password": SECRET,
}
EVERY_BYTE = bytes(range(256)) * 5000


def curl(live: LiveGateway, *arguments: str) -> str:
    """Return what curl prints when it posts to the gateway."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", *arguments, live.url],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def lead_of(answer: str) -> int:
    pairs = parse_qs(answer, strict_parsing=True)
    assert pairs["status_message"] == ["Lead Creation Successful"]
    return int(pairs["lead_id"][0])


def test_curl_data(live: LiveGateway) -> None:
    login = [part for pair in LOGIN_FIELDS.items() for part in ("-d", "=".join(pair))]
    answer = curl(
        live, *login, "--data-urlencode", "full_name=Zoë O'Neil & Sons", "-d", "zip=02134"
    )
    lead = live.lead(lead_of(answer))
    assert answer == f"status=0&status_message=Lead+Creation+Successful&lead_id={lead['lead_id']}"
    assert lead["full_name"] == "Zoë O'Neil & Sons"
    assert lead["zip"] == "02134"


def test_curl_form_with_a_file_of_a_megabyte(live: LiveGateway, tmp_path: Path) -> None:
    # Over a megabyte curl asks first (Expect: 100-continue) and waits for leave to send.
    document = tmp_path / "every byte.bin"
    document.write_bytes(EVERY_BYTE)
    login = [part for pair in LOGIN_FIELDS.items() for part in ("-F", "=".join(pair))]
    lead_id = lead_of(curl(live, *login, "-F", f"upload_file_contents=@{document}"))
    assert live.file(lead_id) == ("every byte.bin", EVERY_BYTE)


def test_curl_with_the_login_in_the_header(live: LiveGateway) -> None:
    answer = curl(
        live, "-u", f"{LOGIN}:{SECRET}", "-d", "command=lead_set&mode=insert&last_name=Basic"
    )
    assert live.lead(lead_of(answer))["last_name"] == "Basic"


def test_curl_json_is_answered_as_it_asks(live: LiveGateway) -> None:
    body = '{"command":"lead_set","mode":"insert","last_name":"Json","tags":["a","b"]}'
    answer = curl(live, "-u", f"{LOGIN}:{SECRET}", "--json", body)
    assert answer.startswith('{"status":0,"status_message":"Lead Creation Successful","lead_id":')


def test_urllib(live: LiveGateway) -> None:
    body = form(last_name="Müller", note="naïve café", tags=["a", "b"])
    with build_opener(ProxyHandler({})).open(Request(live.url, data=body)) as response:
        lead = live.lead(lead_of(response.read().decode()))
    assert lead["last_name"] == "Müller"
    assert lead["tags"] == ["a", "b"]
    assert [note["text"] for note in lead["notes"]] == ["naïve café"]


@pytest.mark.parametrize("headers", [(), ("Connection: keep-alive",)])
def test_http_1_0(live: LiveGateway, headers: tuple[str, ...]) -> None:
    body = form(last_name="Old")
    lines = ("POST /service HTTP/1.0", f"Content-Length: {len(body)}", *headers)
    # No Host and no content type either: PHP scripts wrote no more than this into a socket.
    answer = live.exchange("\r\n".join((*lines, "", "")).encode() + body)
    assert live.lead(answer.lead_id)["last_name"] == "Old"


def test_chunked_body(live: LiveGateway) -> None:
    body = form(last_name="Chunked")
    head = (
        b"POST /service HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    answer = live.exchange(head + chunks + b"0\r\n\r\n")
    assert live.lead(answer.lead_id)["last_name"] == "Chunked"


def test_requests_on_one_connection_do_not_mix(live: LiveGateway) -> None:
    with live.connect() as connection:
        for name in ("First", "Second"):
            connection.sendall(request(form(last_name=name)))
            assert live.lead(read_answer(connection).lead_id)["last_name"] == name


def test_address_with_a_slash_at_its_end_is_no_redirect(live: LiveGateway) -> None:
    answer = live.exchange(request(form(last_name="Slash"), target="/service.php/"))
    assert live.lead(answer.lead_id)["last_name"] == "Slash"


def test_long_query_string_is_read(live: LiveGateway) -> None:
    note = "n" * 7000
    answer = live.exchange(request(form(last_name="Query"), target=f"/service?note={note}"))
    assert [each["text"] for each in live.lead(answer.lead_id)["notes"]] == [note]
