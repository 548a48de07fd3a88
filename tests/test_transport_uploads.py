"""Uploads of a whole request are exact bytes, whatever the body is."""

import pytest

from gateway.contract import Upload
from tests.made_calls import FORM, MULTIPART, code, make, part, parts

BINARY = bytes(range(256)) * 3 + b"\r\n--b\n&#26085;"
CONTENTS = (Upload("upload_file_contents", "", BINARY),)


@pytest.mark.parametrize(
    ("body", "content_type", "uploads"),
    [
        (b"upload_file_contents=" + b"".join(b"%%%02x" % c for c in BINARY), FORM, CONTENTS),
        (parts(part("upload_file_contents", BINARY)), MULTIPART, CONTENTS),
        (parts(part("upload_file_contents", BINARY, '; filename="C:\\a b.pdf"')), MULTIPART,
         (Upload("upload_file_contents", "C:\\a b.pdf", BINARY),)),
        (parts(part("photo", b"x", '; filename="r\xe9.png"\r\nContent-Type: image/png'),
               part("photo", b"y", '; filename=""')), MULTIPART,
         (Upload("photo", "ré.png", b"x", "image/png"), Upload("photo", "", b"y"))),
        (parts(part("photo[]", b"", '; filename="a"'), part("photo[]", b"", '; filename=""')),
         MULTIPART, (Upload("photo", "a", b""),)),
        (b"upload_file_contents=", FORM, ()),
        (b"upload_file_contents=a&upload_file_contents=b", FORM,
         (Upload("upload_file_contents", "", b"b"),)),
        (b"upload_file_contents[]=a", FORM, (Upload("upload_file_contents", "", b"a"),)),
        ('{"upload_file_contents": "é\\u0000\\ud800"}'.encode(), "application/json",
         (Upload("upload_file_contents", "", b"\xc3\xa9\0\xed\xa0\x80"),)),
        (b'{"upload_file_contents": null}', "application/json", ()),
    ],
)  # fmt: skip
def test_uploads_are_bytes_and_no_values(
    body: bytes, content_type: str, uploads: tuple[Upload, ...]
) -> None:
    call = make(body, content_type)
    assert (call.problem, call.form, call.uploads) == (None, {}, uploads)


def test_upload_in_the_address_counts_where_the_body_has_none() -> None:
    query = b"upload_file_contents=q"
    assert [each.content for each in make(b"a=1", query=query).uploads] == [b"q"]
    assert [each.content for each in make(b"upload_file_contents=b", query=query).uploads] == [b"b"]


def test_upload_that_is_a_list_is_refused_and_the_body_kept() -> None:
    call = make(b'{"upload_file_contents": ["a"]}', "application/json")
    assert code(call) == "invalid"
    assert call.body == b'{"upload_file_contents": ["a"]}'


def test_credential_in_a_file_part_is_a_credential_and_no_upload() -> None:
    call = make(parts(part("ai_token", b"S", '; filename="token.txt"')), MULTIPART)
    assert (call.credentials.token, call.uploads) == ("S", ())
    assert call.body is not None
    assert call.body.endswith(b'"token.txt"\r\n\r\n\r\n--b--\r\n')
