"""E-mail addresses: one mailbox's spellings come to one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normal.emails import email_key
from tests.processor_time import no_time

ANY = st.text(st.characters())
LOCAL = st.text("abcXYZ019.+_é李", min_size=1, max_size=12).filter(
    lambda text: ".." not in f".{text}."
)
DOMAIN = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,3})?\.(com|org|co\.uk)", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (" Ann.Lee+x@EXAMPLE.Com ", "Ann.Lee+x@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("ann@ｅｘａｍｐｌｅ．com", "ann@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("o'neil@example.co.uk", "o'neil@example.co.uk"),
        ("李@例子.中国", "李@xn--fsqu00a.xn--fiqs8s"),
    ],
)
def test_the_key_of_an_address(text: str, key: str) -> None:
    assert email_key(text) == key


def test_the_local_part_counts_as_it_is() -> None:
    assert email_key("Ann@example.com") != email_key("ann@example.com")
    assert email_key("a.nn@example.com") != email_key("ann@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@localhost",
        "ann@example..com",
        "ann@-example.com",
        "ann@example.com.",
        "ann lee@example.com",
        "ann\u00a0lee@example.com",
        "ann\u200f@example.com",
        ".ann@example.com",
        "an..n@example.com",
        "a@b@example.com",
        '"ann lee"@example.com',
        "ann@[192.0.2.1]",
        "\ud800@example.com",
        "ann@\ud800.com",
        "ann\x00@example.com",
        "Ann Lee <ann@example.com>",
        f"{'a' * 320}@example.com",
    ],
)
def test_what_is_no_address_has_no_key(text: str) -> None:
    assert email_key(text) is None


@given(st.one_of(ANY, st.builds("{}@{}".format, ANY, ANY)))
def test_any_text_has_a_key_or_none_and_a_key_is_its_own(text: str) -> None:
    key = email_key(text)
    if key is not None:
        assert key.encode()
        assert email_key(key) == key


@given(LOCAL, DOMAIN)
def test_case_of_the_domain_and_spaces_around_do_not_count(local: str, domain: str) -> None:
    assert email_key(f"{local}@{domain}") is not None
    assert email_key(f" {local}@{domain.upper()}\t") == email_key(f"{local}@{domain}")


@pytest.mark.parametrize("unit", ["a", "a@", "a.", "é", "\u0660", "é.", "@é", "\ud800", " "])
def test_a_megabyte_takes_no_time(unit: str) -> None:
    with no_time():
        email_key(unit * 1_000_000 + "@example.com")
        email_key(f"a@{unit * 1_000_000}.com")
        email_key(f"a@{unit * 100}.com")
