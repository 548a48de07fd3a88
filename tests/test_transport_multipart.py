"""multipart/form-data as exact bytes (RFC 7578), from browsers, libraries and hand-made scripts."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BrokenBody, TooLarge
from gateway.transport import headers, multipart
from gateway.transport.pairs import Pair

CRLF_BODY = (
    b"preamble\r\n"
    b"--b\r\n"
    b'Content-Disposition: form-data; name="full_name"\r\n\r\nZo\xc3\xab\r\n'
    b"--b\r\n"
    b'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
    b"Content-Type: application/pdf\r\n\r\n\x00\xff\r\n--bx\n--b\n\r\n"
    b"--b--\r\nepilogue"
)
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'


def parse(body: bytes, boundary: bytes = b"b") -> list[Pair]:
    return multipart.parse(body, boundary)[0]


def part(disposition: bytes, content: bytes = b"1", *more: bytes, boundary: bytes = b"b") -> bytes:
    dashes = b"--" + boundary
    lines = (dashes, b"Content-Disposition: form-data; " + disposition, *more, b"", content)
    return b"\r\n".join((*lines, dashes + b"--", b""))


def test_parts_are_the_exact_bytes() -> None:
    assert parse(CRLF_BODY) == [
        Pair(b"full_name", b"Zo\xc3\xab"),
        Pair(
            b"file",
            b"\x00\xff\r\n--bx\n--b\n",
            file_name=b"a.pdf",
            content_type="application/pdf",
        ),
    ]


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b'--b\nContent-Disposition: form-data; name="a"\n\n1\r\n\n--b--\n', [b"1\r\n"]),
        (b'\xef\xbb\xbf--b\nContent-Disposition: form-data; name="a"\n\n1\n--b--', [b"1"]),
        (b'\r\n\r\n--b\r\ncontent-disposition:form-data;name=a\r\n\r\n\r\n--b--', [b""]),
        (b'--b \t\r\nContent-Disposition: form-data;\r\n name="a"\r\n\r\n1\r\n--b-- ', [b"1"]),
        (b"--b--\r\n", []),
        (b"--b", []),
        (PART + b"1", [b"1"]),
        (PART + b"1\r\n", [b"1\r\n"]),
        (PART + b"1\r\n--b", [b"1"]),
        (PART + b"1\r\n--b\r\n", [b"1"]),
        (PART + b"1\r\n--b-", [b"1"]),
        (PART + b"1\n--b--\r\n", [b"1"]),
        (PART + b"1\n--b--\r\nx", [b"1\n--b--\r\nx"]),
        (PART + b"1\n--b\n2\r\n--b--", [b"1\n--b\n2"]),
        (b"--b\r\n--b--\r\n", []),
        (b'--bx\r\n--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--', [b"1"]),
    ],
)  # fmt: skip
def test_hand_made_bodies_are_read(body: bytes, values: list[bytes]) -> None:
    assert [pair.value for pair in parse(body)] == values


@pytest.mark.parametrize(
    ("disposition", "name", "file_name", "said"),
    [
        (b'name="a"', b"a", None, None),
        (b"name=a", b"a", None, None),
        (b'NAME="a"; FileName="b"', b"a", b"b", None),
        (b'filename="b"; name="a"', b"a", b"b", None),
        (b'name="a"; filename=""', b"a", b"", None),
        (b'name="a;b"; filename="c; name=d"', b"a;b", b"c; name=d", None),
        (rb'name="a"; filename="x\"y\\z"', b"a", rb'x"y\z', None),
        (rb'name="a"; filename="C:\temp\new.pdf"', b"a", rb"C:\temp\new.pdf", None),
        (b'name="a%22b"; filename="c%22d.pdf"', b'a"b', b'c"d.pdf', None),
        (b'name="a"; filename="100%.pdf"', b"a", b"100%.pdf", None),
        (b'name="a"; filename="r\xe9sum\xe9"', b"a", b"r\xe9sum\xe9", None),
        (b"name=a; filename=x; filename*=UTF-8''r%C3%A9", b"a", b"r\xc3\xa9", "UTF-8"),
        (b"name=a; filename*=iso-8859-1'en'r%E9", b"a", b"r\xe9", "iso-8859-1"),
        (b"name*=utf-8''a%20b", b"a b", None, None),
        (b'name="a"; filename="open', b"a", b'"open', None),
        (b'name="a"; name="b"', b"b", None, None),
    ],
)
def test_names_and_file_names(
    disposition: bytes, name: bytes, file_name: bytes | None, said: str | None
) -> None:
    (pair,) = parse(part(disposition))
    assert (pair.name, pair.file_name, pair.charset) == (name, file_name, said)


def test_charset_of_a_part() -> None:
    content_type = b"Content-Type: text/plain; charset=windows-1251"
    assert parse(part(b"name=a", b"\xcf", content_type))[0].charset == "windows-1251"
    assert parse(part(b"name=a", b"1", b"Content-Type: text/plain; charset=x"))[0].charset is None
    # It is that of the contents, not that of a file's name.
    assert parse(part(b"name=a; filename=f", b"1", content_type))[0].charset is None


@pytest.mark.parametrize(
    ("body", "boundary", "message"),
    [
        (CRLF_BODY, None, "no boundary"),
        (CRLF_BODY, b"", "no boundary"),
        (CRLF_BODY, b"c", "no part that begins"),
        (b"a=1&b=2", b"b", "no part that begins"),
        (CRLF_BODY[:90], b"b", "no blank line"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n1\r\n--b--', b"b", "no blank line"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", b"b", 'no name="'),
        (b"--b\r\n\r\n1\r\n--b--", b"b", 'no name="'),
        (part(b'name="a"', b"1", b"X: " + b"y" * 20_000), b"b", "no blank line"),
    ],
)
def test_broken_body_is_refused_with_its_cause(
    body: bytes, boundary: bytes | None, message: str
) -> None:
    with pytest.raises(BrokenBody, match=re.escape(message)):
        multipart.parse(body, boundary)


def test_ten_thousand_parts_are_taken_and_no_more() -> None:
    one = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
    assert len(parse(one * 10_000 + b"--b--")) == 10_000
    with pytest.raises(TooLarge):
        parse(one * 10_001 + b"--b--")


@pytest.mark.parametrize(
    "body",
    [
        b"--b" + b" " * 3_000_000,
        b"--b\r\n" + b"\r\n--bx" * 500_000,
        b"\n--bx" * 500_000,
        part(b'name="' + b"\\" * 15_000),
        part(b";" * 15_000 + b"name=a"),
    ],
    ids=["spaces", "near-delimiters", "near-first", "backslashes", "semicolons"],
)
def test_hostile_body_is_read_in_linear_time(body: bytes) -> None:
    with suppress(BrokenBody):
        parse(body)


@given(
    st.lists(st.tuples(st.from_regex(rb"[a-z_]{1,9}", fullmatch=True), st.binary()), min_size=1),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_parts_are_read_back_exactly(sent: list[tuple[bytes, bytes]], line_end: bytes) -> None:
    boundary = b"----WebKitFormBoundaryfaPOJeGH2Xy5McqA"
    lines: list[bytes] = []
    for name, content in sent:
        lines += [
            b"--" + boundary,
            b'Content-Disposition: form-data; name="' + name + b'"; filename="f"',
            b"",
            content,
        ]
    body = line_end.join([*lines, b"--" + boundary + b"--", b""])
    assert [(pair.name, pair.value) for pair in parse(body, boundary)] == sent


@given(
    st.lists(
        st.sampled_from([b"\r\n", b"\n", b"--", b"--b", b"--bBOUNDAR", b"--bBOUNDARYx", b" "])
    ).map(b"".join)
)
def test_content_full_of_near_boundaries_is_exact(content: bytes) -> None:
    body = part(b"name=a", content, boundary=b"bBOUNDARY")
    assert [pair.value for pair in parse(body, b"bBOUNDARY")] == [content]


@given(st.binary(), st.binary(max_size=4))
def test_any_bytes_are_parts_or_refused(body: bytes, boundary: bytes) -> None:
    with suppress(BrokenBody):
        multipart.parse(body, boundary)


@pytest.mark.parametrize(
    "disposition",
    [
        b'name="ai_token"',
        b"name=AI_TOKEN",
        b"name=ai.token",
        b'name="ai_token[]"',
        b'name="ai_token"; filename="secret.txt"',
        b"name*=UTF-8''ai%5Ftoken",
        b'name="ai_token"; x="1"',
    ],
)
def test_secret_part_is_emptied_and_the_rest_stays(disposition: bytes) -> None:
    body = b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" + part(
        disposition, b"S3CR\r\nET"
    )
    assert multipart.parse(body, b"b")[1] == body.replace(b"S3CR\r\nET", b"")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (part(b'name="x.ai_token"', b"S"), part(b'name="x.ai_token"', b"")),
        (part(b"name='ai_token'", b"S"), part(b"name='ai_token'", b"")),
        (part(b'name="a"', b"x&ai_token=S"), part(b'name="a"', b"")),
        (part(b'name="a"', b"the ai token"), part(b'name="a"', b"the ai token")),
        (part(b'name="a"') + part(b'name="ai_token"', b"S"), part(b'name="a"')[:-2]),
        (b"ai_token=S\r\n" + part(b'name="a"'), part(b'name="a"')),
        (part(b'name="ai_token=S"'), None),
        (part(b'name="a"', b"1", b"X-A: ai_token=S"), None),
        (part(b'name="a"', b"ai_token"), None),
        (part(b'name="a"', b"form_key"), part(b'name="a"', b"")),
    ],
)
def test_secret_elsewhere_is_cut_out_too(body: bytes, kept: bytes | None) -> None:
    assert multipart.parse(body, b"b")[1] == kept


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=B", b"B"),
        (b"multipart/form-data, boundary=B", b"B"),
        (b"multipart/form-data boundary=B", b"B"),
        (b"multipart/form-data; boundary=B, charset=utf-8", b"B"),
        (b"multipart/form-data; charset=utf-8, Boundary = B ;", b"B"),
        (b'multipart/form-data; boundary="a, b;c"; x', b"a, b;c"),
        (b'multipart/form-data; boundary="open', b'"open'),
        (b"multipart/form-data; boundary=", None),
        (b"multipart/form-data; boundary", None),
        (b"multipart/form-data", None),
        (b"boundary" * 100_000, None),
    ],
)
def test_boundary_is_found_where_php_finds_it(content_type: bytes, boundary: bytes | None) -> None:
    assert headers.boundary(content_type) == boundary


def test_header_with_parameters_is_taken_apart() -> None:
    assert headers.split(b'Multipart/Form-Data; Boundary="a b"; charset=utf-8 ; x') == (
        b"multipart/form-data",
        {b"boundary": b"a b", b"charset": b"utf-8"},
    )
    assert headers.split(b"") == (b"", {})
    assert headers.split(b"text/plain, text/plain") == (b"text/plain", {})
