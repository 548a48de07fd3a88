"""Urlencoded bytes as pairs, and the secrets cut out of them."""

from unittest.mock import Mock
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.contract import SECRETS
from gateway.errors import TooLarge
from gateway.transport import forms, redact

PLAIN = st.binary().map(lambda raw: raw.strip(b"\r\n"))


def pairs(raw: bytes) -> list[tuple[bytes, bytes]]:
    return [(pair.name, pair.value) for pair in forms.parse(raw)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a=1&b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1;b=2", [(b"a", b"1;b=2")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"a", [(b"a", b"")]),
        (b"a=&&=x&", [(b"a", b"")]),
        (b"", []),
        (b"\r\n", []),
        (b"\xef\xbb\xbfa=1\r\n", [(b"a", b"1")]),
        (b"\n\xef\xbb\xbf\na=1\n\n", [(b"a", b"1")]),
        (b"a=x+y%2Bz%20", [(b"a", b"x y+z ")]),
        (b"a=%E9%e9\xe9", [(b"a", b"\xe9\xe9\xe9")]),
        (b"a=100%&b=%zz%4&c=%%41%", [(b"a", b"100%"), (b"b", b"%zz%4"), (b"c", b"%A%")]),
        (b"a=%25E9", [(b"a", b"%E9")]),
        (b"a=%3D=%3d", [(b"a", b"===")]),
        (b"a=%0D%0A=\r\nb", [(b"a", b"\r\n=\r\nb")]),
        (b"fir%73t%5Fname=x", [(b"first_name", b"x")]),
    ],
)
def test_pairs_are_the_exact_bytes(raw: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert pairs(raw) == expected


@pytest.mark.parametrize(
    ("raw", "leads"),
    [(b"a=+1", True), (b"a=%2B1", False), (b"a= 1", False), (b"a=1+", False), (b"a=", False)],
)
def test_leading_plus_is_an_unescaped_first_byte(raw: bytes, leads: bool) -> None:
    assert forms.parse(raw)[0].leading_plus is leads


def test_ten_thousand_pairs_are_taken_and_no_more() -> None:
    assert len(forms.parse(b"&".join([b"a=1"] * 10_000) + b"&")) == 10_000
    with pytest.raises(TooLarge):
        forms.parse(b"&".join([b"a=1"] * 10_001))
    with pytest.raises(TooLarge):
        forms.parse(b"&" * 1_000_000)


@given(st.binary())
def test_unquoting_equals_the_standard_library(raw: bytes) -> None:
    assert forms.unquote(raw) == unquote_to_bytes(raw.replace(b"+", b" "))


@given(st.text("%=+_4a1Z \r\n\t.", max_size=40))
def test_unquoting_equals_the_standard_library_near_escapes(text: str) -> None:
    raw = text.encode()
    assert forms.unquote(raw) == unquote_to_bytes(raw.replace(b"+", b" "))


@given(st.one_of(st.binary(), st.text("%%%=+_4a1Z \r\n\t.", max_size=60).map(str.encode)))
def test_every_way_of_unquoting_equals_the_standard_library(raw: bytes) -> None:
    expected = unquote_to_bytes(raw.replace(b"+", b" "))
    assert forms._with_strays(raw) == expected
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forms, "_SHORT", -1)
        patched.setattr(forms, "_SPARSE", len(raw) + 1)
        assert forms.unquote(raw) == expected


def test_only_what_has_a_stray_percent_sign_is_unquoted_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long_way = Mock(wraps=forms._with_strays)
    monkeypatch.setattr(forms, "_with_strays", long_way)
    content = bytes(range(256)) * 10
    assert forms.unquote(quote_from_bytes(content).encode() + b"=\r\n") == content + b"=\r\n"
    long_way.assert_not_called()
    assert forms.unquote(quote_from_bytes(content).encode() + b"%") == content + b"%"
    long_way.assert_called_once()


@given(st.lists(st.tuples(st.binary(min_size=1), st.binary())))
def test_urlencoding_is_read_back_exactly(sent: list[tuple[bytes, bytes]]) -> None:
    assert pairs(urlencode(sent).encode()) == sent


def test_large_binary_is_exact_and_quick() -> None:
    raw = bytes(range(256)) * 20_000
    assert pairs(b"file=" + quote_from_bytes(raw, safe="").encode()) == [(b"file", raw)]
    assert pairs(b"a=" + b"%" * 3_000_000) == [(b"a", b"%" * 3_000_000)]
    assert pairs(b"a=" + b"%%41=" * 2_000_000) == [(b"a", b"%A=" * 2_000_000)]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"a=1&ai_login_password=S&b=2", b"a=1&ai_login_password=&b=2"),
        (b"ai_login_id=web&ai_token=S", b"ai_login_id=web&ai_token="),
        (b"AI_Token=S&ai%5Ftoken=S&%61i_token=S", b"AI_Token=&ai%5Ftoken=&%61i_token="),
        (b"ai.token=S&ai+token=S&+ai_token =S", b"ai.token=&ai+token=&+ai_token ="),
        (b"ai_token[]=S&ai_token[a][b]=S&ai_token%5B%5D=S",
         b"ai_token[]=&ai_token[a][b]=&ai_token%5B%5D="),
        (b"x[ai_token]=S&ai_token%00junk=S", b"x[ai_token]=&ai_token%00junk="),
        (b"ai[token=S", b"ai[token="),
        (b"ai_token" + b"[x]" * 99 + b"=S", b"ai_token" + b"[x]" * 99 + b"="),
        (b"ai_sitecom_token=S=S&form_key=S", b"ai_sitecom_token=&form_key="),
        (b"\xef\xbb\xbfai_token=S\r\n", b"\xef\xbb\xbfai_token=\r\n"),
        (b"a=1\r\nai_login_password=S\r\n", b"a=1\r\nai_login_password=\r\n"),
        (b"ai_token", b"ai_token"),
        (b"my_ai_token=1&note=ai_token%3D1", b"my_ai_token=&note="),
        (b"a=1&amp;ai_token=S&amp;b=2", b"a=1&amp;ai_token=&amp;b=2"),
        (b"?ai_token=S&'form_key=S'&[ai_token]=S", b"?ai_token=&'form_key=&[ai_token]="),
        (b"x.ai-token=S&ai_token;a=S", b"x.ai-token=&"),
        (b"a=1;ai_token=S;b=2&c=3", b"a=&c=3"),
        (b"a%3D1%26ai_token%3DS&b=1", b"&b=1"),
        (b"a=b%26ai%255Ftoken%3DS&b=1", b"a=&b=1"),
        (b'a={"\\u0061i_token":"S"}&b=1', b"a=&b=1"),
        (b"ai_%u0074oken=S&ai_\\token=S", b"ai_%u0074oken=&ai_\\token="),
        (b'a={"ai_\\\\u0074oken":"S"}&b=1', b"a=&b=1"),
        (b"a=1\r\nb=2\r\n ai.token = S\r\nc=3", b"a=1\r\nb=2\r\n ai.token ="),
        (b"a%20ai%5Ftoken=S\nai_token=S", b"a%20ai%5Ftoken="),
        (b"a=ai%5Ftoken=S\nai_token=S", b"a="),
        (b"note=form_key&b=the+form+key&c=ai+token:+S", b"note=&b=the+form+key&c="),
        (b"", b""),
    ],
)  # fmt: skip
def test_secrets_are_cut_out_in_every_spelling(raw: bytes, kept: bytes) -> None:
    assert redact.form(raw) == kept


def test_value_that_is_the_name_of_a_secret_leaves_nothing() -> None:
    assert redact.form(b"f[0][name]=ai_token&f[0][value]=S") is None
    assert redact.form(b"f[0][value]=S&f[0][name]=%22AI%5Ftoken%22") is None


def test_utf16_is_seen_through() -> None:
    name = "ai_token=".encode("utf-16-le")
    assert redact.form(b"a=1&" + name + "S".encode("utf-16-le")) == b"a=1&" + name[:-1]


@given(PLAIN)
def test_body_that_names_no_secret_is_exact(raw: bytes) -> None:
    assume(not any(name.encode() in raw.lower() for name in SECRETS))
    assert redact.form(raw) == raw
    assert redact.unread(raw) == raw


@pytest.mark.parametrize("body", [b"<ai_token>S</ai_token>", '{"ai_token":'.encode("utf-16")])
def test_unread_body_that_names_a_secret_is_not_kept(body: bytes) -> None:
    assert redact.unread(body) is None


@pytest.mark.parametrize(
    "piece",
    [
        b"%",
        b"%%4",
        b"ai_token",
        b"form key ",
        b"\n",
        b"\nai token",
        b"%61i_token",
        b"\\u0061",
    ],
)
def test_hostile_body_is_searched_in_linear_time(piece: bytes) -> None:
    body = piece * (4_000_000 // len(piece))
    redact.form(b"a=" + body)
    redact.form(body + b"ai_token=1")


@given(
    before=PLAIN,
    after=PLAIN,
    name=st.sampled_from(sorted(SECRETS)),
    data=st.data(),
)
def test_secret_is_gone_and_every_other_byte_is_there(
    before: bytes, after: bytes, name: str, data: st.DataObject
) -> None:
    spelling = "".join(
        data.draw(st.sampled_from([c, c.upper(), f"%{ord(c):02x}", f"%{ord(c.upper()):02X}"]))
        for c in name
    ) + data.draw(st.sampled_from(["", "[]", "%5b%5D", "[0][x]", "+", "%00.."]))
    head = b"note=" + quote_from_bytes(before).encode() + b"&" + spelling.encode() + b"="
    tail = b"&upload_file_contents=" + quote_from_bytes(after).encode()
    assert redact.form(head + b"S3CR3T" + tail) == head + tail


# Bodies of pieces that a short cut could stumble over: names whole, in parts and escaped, with
# whatever else may stand in, before or behind them.
PIECES = st.sampled_from(
    [
        *(name.encode() for name in sorted(SECRETS)),
        *(b"ai_", b"ai", b"login", b"form", b"password", b"token", b"key", b"To%6Ben", b"%74oken"),
        *(b"%5F", b"%5f", b"%255F", b"%61", b"%2561", b"%u0061", b"%%361", b"%00", b"%5C", b"%25"),
        *(b"\\u0061", b"\\u005f", b"\\", b"\0", b"%", b"%4", b"%zz", b"=\n", b"%3D\n", b"%=\n"),
        *(b"&", b"&", b"=", b"=", b";", b"+", b".", b"[", b"]", b"[]", b"-", b" ", b"\r\n", b":"),
        *(b"%1", b"%F", b"%%1", b"%25f", b"%u00", b"\\u00", b"%u001", b"i_token", b"orm_key"),
        *(b"%26", b"%3D", b"%20", b"%2B", b"%40", b"%E9", b"\xe9", b"\xef\xbb\xbf"),
        *(b"S", b"1", b'"'),
    ]
)


@settings(max_examples=500)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=3)), max_size=12).map(b"".join))
def test_the_short_cut_cuts_what_the_thorough_way_cuts(raw: bytes) -> None:
    short = redact.form(raw), redact.is_secret(raw), redact.mentions(raw), redact.unread(raw)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(redact, "_plain", lambda body: [])
        patched.setattr(redact, "_may_name", lambda raw: True)
        thorough = redact.form(raw), redact.is_secret(raw), redact.mentions(raw), redact.unread(raw)
    assert short == thorough


LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize("shape", ["%{:02x}", "%{:02X}"])
def test_only_escapes_that_may_be_of_a_name_are_looked_into(shape: str) -> None:
    escapes = {number: shape.format(number).encode() for number in range(256)}
    found = {number for number, each in escapes.items() if redact._TELLING_ESCAPE.search(each)}
    assert found == {*LETTERS, *b"%\\\0"}


def test_names_of_secrets_have_what_looking_at_the_deepest_layer_relies_on() -> None:
    for name, tail in zip(redact._NAMES, redact._TAILS, strict=True):
        assert tail
        # Neither an escape nor what JSON and JavaScript write in place of one can take of it.
        assert {*name} <= {*LETTERS, *b"_"} - {*b"uU"}
        assert tail[:1] not in b"0123456789abcdef"
        assert name.endswith(tail)


@pytest.mark.parametrize("before", ["%1", "%%1", "%251", "%u001", r"\u001", "%2", "%F", "%u00F"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_an_escape_that_takes_the_first_letter_of_a_name_hides_no_secret(
    before: str, name: str
) -> None:
    raw = f"upload_file_contents=%00&{before}{name}=S3CR3T&b=%00".encode()
    assert redact.form(raw) == raw.replace(b"S3CR3T", b"")
