"""Claims: no post writes while a key that its decision rests on is not claimed."""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest
from sqlalchemy import select
from stored_rows import add, keys_are_right, lead, rows

from gateway import database
from gateway.matching import keys_of
from gateway.models import MatchClaim
from gateway.store import ATTEMPTS, LAST_ATTEMPTS, claims, fast, first_look
from gateway.store.wanted import Wanted
from gateway.testing import Gateway

PHONE = "503-555-0101"
POST = {"full_name": "Ann Lee", "phone": PHONE, "match_update": 1, "match_name_and_phone": 1}
WRITE = fast.add


def takes_claims(gateway: Gateway) -> bool:
    return gateway.system.engine.dialect.name != "sqlite"


class Rival:
    """Gives lead 1001 another e-mail address each time before a post claims its keys.

    So at every attempt that post meets a key which it has not claimed. It goes on ``times`` times,
    and notes which keys were free when the post wrote.
    """

    def __init__(self, gateway: Gateway, times: int) -> None:
        self.gateway, self.times, self.done = gateway, times, 0
        self.unclaimed: list[set[bytes]] = []
        self._post = threading.get_ident()

    def before(self, claim: Callable[..., Any]) -> Callable[..., Any]:
        """Return what claims as ``claim`` does, but first changes the lead."""

        def changed(*arguments: Any) -> Any:
            is_post = threading.get_ident() == self._post
            if is_post and takes_claims(self.gateway) and self.done < self.times:
                self.done += 1
                worker = threading.Thread(target=self._change)
                worker.start()
                worker.join()
            return claim(*arguments)

        return changed

    def write(self, connection: Any, posts: Sequence[Any], **options: Any) -> None:
        """Write as the store does, but note first which keys are free."""
        is_post = threading.get_ident() == self._post and any(each.changes for each in posts)
        if is_post and takes_claims(self.gateway):
            self.unclaimed.append(self._free())
        WRITE(connection, posts, **options)

    def _change(self) -> None:
        email, key = f"a{self.done}@a.org", str(self.done)
        # With a key of its own it does not come to the batch that waits for it here.
        answer = self.gateway.send(mode="update", lead_id=1001, email=email, idempotency_key=key)
        assert answer.status == 0, answer.status_message

    def _free(self) -> set[bytes]:
        rules = self.gateway.system.match_rules.values()
        wanted = {
            *keys_of({"email": f"a{self.done}@a.org"}, rules),
            *keys_of({"email": "new@a.org"}, rules),
        }
        free = select(MatchClaim.digest).with_for_update(skip_locked=True)
        with self.gateway.system.engine.connect() as connection:
            return wanted & {bytes(each) for each in connection.execute(free).scalars()}


@pytest.fixture
def rival(
    make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Rival]:
    gateway = make_gateway()
    add(gateway, full_name="Ann Lee", phone=PHONE)
    made: list[Rival] = []

    def start(times: int) -> Rival:
        made.append(Rival(gateway, times))
        for module, name in ((claims, "take"), (first_look, "begin")):
            monkeypatch.setattr(module, name, made[0].before(getattr(module, name)))
        monkeypatch.setattr(fast, "add", made[0].write)
        return made[0]

    return start


def take_no_more(_: Any, digests: Collection[bytes]) -> None:
    """Claim as if somebody held what is asked for."""
    raise claims.Unclaimed(digests)


@pytest.mark.parametrize("times", [0, 1, ATTEMPTS, ATTEMPTS + LAST_ATTEMPTS - 2])
@pytest.mark.parametrize("is_free", [True, False])
def test_no_post_writes_before_it_holds_every_key(
    rival: Callable[[int], Rival], monkeypatch: pytest.MonkeyPatch, times: int, is_free: bool
) -> None:
    other = rival(times)
    gateway = other.gateway
    if not is_free:
        monkeypatch.setattr(claims, "take_more", take_no_more)
    assert gateway.send(**POST, email="new@a.org").lead_id == 1001
    assert other.unclaimed == ([set()] if takes_claims(gateway) else [])
    # In its batch it takes at once what turns out to be needed.
    changes = min(times, 1) if is_free else times
    assert other.done == (changes if takes_claims(gateway) else 0)
    assert lead(gateway, 1001)["email"] == "new@a.org"
    assert keys_are_right(gateway)
    assert bool(rows(gateway, MatchClaim)) is takes_claims(gateway)


def test_post_that_never_holds_every_key_fails_and_is_in_the_journal(
    rival: Callable[[int], Rival], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = rival(1_000_000)
    gateway = other.gateway
    monkeypatch.setattr(claims, "take_more", take_no_more)
    if not takes_claims(gateway):
        assert gateway.send(**POST, email="new@a.org").lead_id == 1001
        return
    answer = gateway.send(**POST, email="new@a.org")
    reference = answer.headers["X-Request-Id"]
    assert (answer.status, answer.status_message) == (
        1,
        f"Internal error, reference {reference}",
    )
    assert other.done == ATTEMPTS + LAST_ATTEMPTS
    assert other.unclaimed == []
    (kept,) = [each for each in gateway.journal() if each["request_id"] == reference]
    assert kept["outcome"] == "failed"
    assert lead(gateway, 1001)["email"] == f"a{other.done}@a.org"
    assert keys_are_right(gateway)


def test_batch_sees_what_is_committed_whatever_the_server_prefers(
    make_gateway: Callable[..., Gateway],
) -> None:
    engine = make_gateway().system.engine
    if engine.dialect.name != "postgresql":
        pytest.skip("only there is the transaction begun by a text of our own")
    with database.connect_for_good(engine) as connection:
        connection.exec_driver_sql("SET default_transaction_isolation = 'serializable'")
        connection.exec_driver_sql("SET standard_conforming_strings = off")
        wanted = Wanted(frozenset([bytes(16)]), frozenset([bytes(16)]), None, None, has_tags=True)
        assert first_look.begin(connection, [wanted]) == ({}, {})
        found = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
        held = connection.execute(select(MatchClaim.__table__.c.digest)).scalars().all()
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("RESET ALL")
    assert found == "read committed"
    assert [bytes(each) for each in held] == [bytes(16)]


def test_claims_are_had_at_once_where_nobody_holds_them(
    make_gateway: Callable[..., Gateway],
) -> None:
    engine = make_gateway().system.engine
    if engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time: there are no claims")
    mine, free, held, new = (bytes([number] * 16) for number in range(4))
    with engine.connect() as connection, engine.connect() as other:
        with other.begin():
            claims.take(other, [free, held])
        other.begin()
        connection.begin()
        claims.take(other, [held])
        claims.take(connection, [mine])
        claims.take_more(connection, [mine, free, new])
        with pytest.raises(claims.Unclaimed):
            claims.take_more(connection, [free, held])
        # What it has it still has, and whoever comes is told so, too.
        with pytest.raises(claims.Unclaimed):
            claims.take_more(other, [free])
        connection.commit()
        claims.take_more(other, [mine, free, new])
        other.rollback()
