"""The short way of reading a plain form gives what the general way gives."""

from dataclasses import replace
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import CONTROLS, CREDENTIALS, Call
from gateway.transport import fields, plain_form
from tests.made_calls import FORM, make

NAMES = st.sampled_from(
    [
        *(name.encode() for name in sorted(CREDENTIALS | CONTROLS)),
        *(b"upload_file_contents", b"upload_file_name", b"full_name", b"phone", b"tags", b"note"),
        *(b"a", b"b", b"A", b"_", b"0", b"0a", b"a1", b"my_ai_token", b"n" * 70, b""),
        *(b"a.b", b"a+b", b"a b", b"+a", b"a%20", b"a%5Fb", b"a%5fb", b"%61", b"a%00b", b"a\0"),
        *(b"a[]", b"a[k]", b"a%5B%5D", b"a[", b"[a]", b"a]", b"a-b", b"a%26", b"a%3D", b"a%25"),
        *(b"caf\xe9", b"caf%E9", b"caf%C3%A9", b"ai%5Ftoken", b"%61i_token", b"a%", b"a%4"),
    ]
)
PIECES = st.sampled_from(
    [
        *(b"Ann", b"1", b" ", b"+", b"%2B", b"%2b", b"%20", b"=", b"%3D", b"%3d", b"%26", b"&"),
        *(b"%", b"%%", b"%25", b"%2541", b"%4", b"%zz", b"%2Z", b"%+4", b"% 4", b"%41", b"%%341"),
        *(b"%E9", b"%C3%A9", b"%c3", b"%A9", b"\xe9", b"\xc3\xa9", b"%80", b"%7F", b"%FF", b"%f0"),
        *(b"%00", b"\0", b"%0D%0A", b"\r\n", b"%09", b"%1B(B", b"\x1b(J", b"&#233;", b"%26%23233;"),
        *(b"%5Cu0061", b"\\", b"ai_token", b"ai_token%3DS", b"form_key=S", b"%EF%BB%BF"),
    ]
)  # fmt: skip
VALUES = st.lists(PIECES | st.binary(max_size=2), max_size=5).map(b"".join)
SEGMENTS = st.builds(
    lambda name, equals, value: name + equals + value,
    NAMES,
    st.sampled_from([b"=", b"=", b"=", b"=+", b"", b"=="]),
    VALUES,
)
PLAIN_PIECES = st.sampled_from(
    [
        *(b"Ann", b"1", b" ", b"+", b"%2B", b"%20", b"%3D", b"%26", b"%25", b"%2541", b"%41", b"="),
        *(b"%E9", b"%C3%A9", b"%c3", b"%00", b"\0", b"%0D%0A", b"\r\n", b"\x1b(J", b"%26%23233;"),
        *(b"\\", b"%5Cu0061", b"ai_token", b"form_key%3D"),
    ]
)  # fmt: skip
PLAIN_FORMS = st.dictionaries(
    st.sampled_from([b"command", b"ai_login_password", b"form_key", b"a", b"b2", b"full_name"]),
    st.lists(PLAIN_PIECES, max_size=4).map(lambda pieces: b"".join(pieces).lstrip(b"+")),
    min_size=1,
).map(lambda form: b"&".join(name + b"=" + value for name, value in form.items()))
AROUND = st.sampled_from([b"", b"", b"", b"\r\n", b"\xef\xbb\xbf", b"\n\xef\xbb\xbf\n", b"&", b" "])
BODIES = st.builds(
    lambda before, segments, after: before + b"&".join(segments) + after,
    AROUND,
    st.builds(lambda plain, others: [plain, *others], PLAIN_FORMS, st.lists(SEGMENTS, max_size=2)),
    AROUND,
)
TYPES = st.sampled_from(
    [FORM, FORM, "", *(f"{FORM}; charset={each}" for each in ("UTF-8", "iso-2022-jp", "big5", "x"))]
)
QUERIES = st.sampled_from([b"", b"", b"a=1&z=+2", b"command=lead_set&ai_token=S", b"a%5B%5D=1"])


def read(body: bytes, content_type: str = FORM, query: bytes = b"") -> Call:
    """Return the call without what no two have alike."""
    call = make(body, content_type, query=query)
    problem = call.problem and call.problem.problems
    return replace(call, started=0, problem=None, origin=repr(problem))


def in_the_general_way(body: bytes, content_type: str = FORM, query: bytes = b"") -> Call:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plain_form, "read", lambda raw, fallback: None)
        return read(body, content_type, query)


@settings(max_examples=1000)
@given(BODIES, TYPES, QUERIES)
def test_the_short_way_reads_what_the_general_way_reads(
    body: bytes, content_type: str, query: bytes
) -> None:
    short, general = read(body, content_type, query), in_the_general_way(body, content_type, query)
    assert short == general
    assert list(short.form) == list(general.form)


@given(st.text("&=%+_aA14Ee9\r\n", max_size=30).map(str.encode))
def test_the_short_way_reads_what_the_general_way_reads_near_escapes(body: bytes) -> None:
    assert read(body) == in_the_general_way(body)


@pytest.mark.parametrize("number", range(256))
@pytest.mark.parametrize("shape", ["%{:02x}", "%{:02X}"])
def test_every_escape_is_read_as_in_the_general_way(number: int, shape: str) -> None:
    escape = shape.format(number)
    body = f"a=x{escape}y&b={escape}&c={escape}41+&d=%41{escape}".encode()
    assert read(body) == in_the_general_way(body)


@pytest.mark.parametrize(
    "body",
    [
        b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=S&full_name=Ann+Lee",
        b"full%5Fname=Zo%C3%AB+%26+Sons&note=100%25%0D%0Aa%3Db&phone=%2B1+503&empty=",
        b"city=Orl%E9ans\r\n",
    ],
)
def test_plain_forms_go_the_short_way(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    general = Mock(wraps=fields.from_pairs)
    monkeypatch.setattr(fields, "from_pairs", general)
    assert read(body).form
    general.assert_not_called()


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a=2",
        b"tags[]=a&tags[]=b",
        b"a.b=1",
        b"phone=+15035550142",
        b"a=100%",
        b"a=\xe9",
        b"a=%E9&_charset_=big5",
        b"upload_file_contents=%00%E9",
        b"note=" + b"a" * 20_000,
        b"&".join(b"n%d=1" % number for number in range(9_000)),
    ],
)
def test_other_forms_go_the_general_way(body: bytes) -> None:
    assert plain_form.read(body, "windows-1252") is None
