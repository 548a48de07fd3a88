"""One value's bytes as text (contract, "charset")."""

import codecs

import pytest
import webencodings.labels
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport import charset

FALLBACK = "windows-1252"
LABELS = [None, "utf-8", "iso-8859-1", "windows-1251", "shift_jis", "euc-kr", "iso-2022-jp", "big5"]


@pytest.mark.parametrize(
    ("raw", "declared", "text", "used_fallback"),
    [
        (b"plain", None, "plain", False),
        (b"plain", "windows-1252", "plain", False),
        ("Zoë".encode(), None, "Zoë", False),
        (b"Zo\xeb", None, "Zoë", True),
        (b"Zo\xeb", "utf-8", "Zoë", True),
        (b"Zo\xeb", "ISO-8859-1", "Zoë", False),
        (b"\x93quoted\x94", "latin1", "“quoted”", False),
        ("Zoë".encode(), "nonsense", "Zoë", False),
        (b"\xcf\xf0\xe8", "windows-1251", "При", False),
        ("日本".encode("cp932"), "Shift_JIS", "日本", False),
        ("日本".encode("iso2022_jp"), "iso-2022-jp", "日本", False),
        # Valid in no declared charset: UTF-8 is tried before the fallback.
        ("Ý".encode(), "windows-1252", "Ý", False),
        # Undefined in windows-1252: the control character of that number.
        (b"a\x81\x8d\x8f\x90\x9db\xff", None, "a\x81\x8d\x8f\x90\x9dbÿ", True),
        (b"+AGE-", "utf-7", "+AGE-", False),
        (b"a\x00", "utf-16", "a\x00", False),
        (b"\xff\xfea\x00", "utf-16", "ÿþa\x00", True),
        (b"\xe9", "x-user-defined", "é", True),
        (b"\xe9", "iso-2022-kr", "é", True),
    ],
)
def test_charset_is_decided_per_value(
    raw: bytes, declared: str | None, text: str, used_fallback: bool
) -> None:
    assert charset.decode(raw, declared, FALLBACK) == (text, used_fallback)


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        (b"&#26085;", "windows-1252", "日"),
        (b"\xe9 &#26085;&#128512;", None, "é 日😀"),
        (b"&#1055;", "windows-1251", "&#1055;"),
        # In UTF-8 whoever wrote it meant it.
        (b"&#26085;", None, "&#26085;"),
        (b"&#26085;", "utf-8", "&#26085;"),
        (b"&#233; &amp; &#x65e5; &#129;", "windows-1252", "&#233; &amp; &#x65e5; &#129;"),
        (b"&#55357; &#65533; &#9999999;", "windows-1252", "&#55357; &#65533; &#9999999;"),
    ],
)
def test_reference_to_a_character_outside_the_charset_is_that_character(
    raw: bytes, declared: str | None, text: str
) -> None:
    assert charset.decode(raw, declared, FALLBACK)[0] == text


@given(
    st.binary(), st.sampled_from(LABELS), st.sampled_from(["windows-1252", "shift_jis", "utf-8"])
)
def test_bytes_never_become_the_replacement_character(
    raw: bytes, declared: str | None, fallback: str
) -> None:
    text, _ = charset.decode(raw, declared, fallback)
    assert "\ufffd" not in text or b"\xef\xbf\xbd" in raw


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf8_is_read_back_exactly(text: str) -> None:
    assert charset.decode(text.encode(), None, FALLBACK) == (text, False)


def test_every_byte_of_the_fallback_is_told_from_every_other() -> None:
    text, used_fallback = charset.decode(bytes(range(256)), None, FALLBACK)
    assert used_fallback
    assert len(set(text)) == 256


def test_unknown_label_is_none() -> None:
    assert charset.known(b" UTF-8 ") == "UTF-8"
    assert charset.known(b"") is None
    assert charset.known(b"x" * 100_000) is None
    assert charset.known(b"\xff") is None


READABLE = sorted({each for each in map(charset.codec_of, webencodings.labels.LABELS) if each})


@pytest.mark.parametrize("codec", READABLE)
def test_the_table_of_a_charset_has_what_its_codec_says_of_each_byte(codec: str) -> None:
    every = bytes(range(256))
    assert charset._decode_all(every * 2, codec) == (every * 2).decode(codec, charset._UNDEFINED)


def test_undefined_bytes_of_the_fallback_are_no_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: UnicodeError) -> tuple[str, int]:
        raise AssertionError(error)

    name = "gateway.test"
    codecs.register_error(name, fail)
    monkeypatch.setattr(charset, "_UNDEFINED", name)
    assert charset.decode(b"\x81\xff" * 9, None, FALLBACK) == ("\x81\xff" * 9, True)
