"""What is sealed can be opened with its key and with no other, and is never mistaken."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from gateway.sealing import (
    HEAD,
    MARK,
    TEXT_MARK,
    CannotOpen,
    Sealer,
    key_id_of,
    key_id_of_text,
    new_key,
)

KEYS = [base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in range(3)]
BOTH = [Sealer(KEYS[:1]), Sealer()]

contents = st.binary() | st.binary(max_size=40).map(MARK.__add__)
texts = st.text(st.characters(exclude_categories=["Cs"]))
texts |= texts.map(TEXT_MARK.__add__) | texts.map(f"{TEXT_MARK}1.".__add__)


@pytest.mark.parametrize("sealer", BOTH, ids=["with a key", "without"])
@given(content=contents)
def test_bytes_come_back(sealer: Sealer, content: bytes) -> None:
    sealed = sealer.seal(content)
    assert sealer.open(sealed) == content
    assert key_id_of(sealed[:HEAD]) == sealer.writes
    # Sealed or escaped once more it comes back all the same.
    assert sealer.open(sealer.open(sealer.seal(sealed))) == content


@pytest.mark.parametrize("sealer", BOTH, ids=["with a key", "without"])
@given(text=texts)
def test_text_comes_back(sealer: Sealer, text: str) -> None:
    sealed = sealer.seal_text(text)
    assert sealer.open_text(sealed) == text
    assert key_id_of_text(sealed) == sealer.writes
    assert sealed.isascii() or not sealer.is_active


@given(content=st.binary(min_size=8))
def test_what_was_stored_before_there_were_keys_can_be_read_later_and_is_gone_once_sealed(
    content: bytes,
) -> None:
    plain, keyed = Sealer(), Sealer(KEYS)
    assert keyed.open(plain.seal(content)) == content
    assert content not in keyed.seal(content)


@given(content=st.binary(max_size=50), at=st.integers(0), bit=st.integers(0, 7))
def test_changed_in_any_bit_it_does_not_open(content: bytes, at: int, bit: int) -> None:
    sealer = Sealer(KEYS[:1])
    sealed = bytearray(sealer.seal(content))
    # Behind the mark; with a bit of the mark changed it is no longer said to be sealed.
    at = len(MARK) + 1 + at % (len(sealed) - len(MARK) - 1)
    sealed[at] ^= 1 << bit
    with pytest.raises(CannotOpen):
        sealer.open(bytes(sealed))


@pytest.mark.parametrize("cut", range(1, 40))
def test_cut_short_it_does_not_open(cut: int) -> None:
    sealer = Sealer(KEYS[:1])
    with pytest.raises(CannotOpen, match=r"damaged|none of"):
        sealer.open(sealer.seal(b"123456")[:-cut])
    with pytest.raises(CannotOpen, match=r"damaged|none of"):
        sealer.open_text(sealer.seal_text("123456")[:-cut])


def test_text_is_not_opened_as_bytes_nor_the_other_way() -> None:
    sealer = Sealer(KEYS[:1])
    text = sealer.seal_text("123-45-6789").rpartition(".")[2]
    with pytest.raises(CannotOpen, match="damaged"):
        sealer.open(MARK + b"\x01" + base64.urlsafe_b64decode(text))


def test_first_key_writes_and_every_key_reads() -> None:
    old, new = Sealer(KEYS[:1]), Sealer([KEYS[1], KEYS[0]])
    assert new.open(old.seal(b"x")) == b"x"
    assert key_id_of(new.seal(b"x")) == new.ids[0] != old.ids[0] == new.ids[1]
    assert key_id_of(new.renew(old.seal(b"x"))) == new.writes
    sealed = new.seal(b"x")
    assert new.renew(sealed) is sealed


def test_lost_key_is_named_by_its_id_and_the_content_is_not() -> None:
    old = Sealer(KEYS[:1])
    for lost in (Sealer(KEYS[1:2]), Sealer()):
        with pytest.raises(CannotOpen) as raised:
            lost.open(old.seal(b"123-45-6789"))
        assert str(raised.value) == (
            f"sealed with key {old.writes}, which is none of GATEWAY_SECRET_KEYS"
        )
        with pytest.raises(CannotOpen, match=old.writes):
            lost.open_text(old.seal_text("123-45-6789"))


def test_equal_contents_look_different() -> None:
    sealer = Sealer(KEYS)
    assert len({sealer.seal(b"same") for _ in range(100)}) == 100


def test_threads_share_a_sealer() -> None:
    sealer = Sealer(KEYS)

    def there_and_back(number: int) -> bool:
        content = b"%d" % number * 1000
        return sealer.open(sealer.seal(content)) == content

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, range(2000)))


@pytest.mark.parametrize(
    "bad",
    ["x", "secret-secret", KEYS[0][:-2], KEYS[0] + "AAAA", "é" * 44, KEYS[0].replace("=", "!")],
)
def test_key_that_is_none_stops_the_start_by_the_name_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.setenv("GATEWAY_SECRET_KEYS", f"{new_key()},{bad}")
    with pytest.raises(config.BadSettings) as raised:
        config.load()
    said = str(raised.value)
    assert said.startswith("GATEWAY_SECRET_KEYS: each key must be 32 bytes in base64url")
    assert bad not in said.partition(":")[2] or len(bad) == 1
    with pytest.raises(ValueError, match="GATEWAY_SECRET_KEYS: each key must be 32 bytes"):
        Sealer([bad])


def test_key_may_come_without_its_padding() -> None:
    key = new_key()
    assert Sealer([key.rstrip("=")]).ids == Sealer([f" {key}"]).ids
