"""A database that is slow is told from one that has fallen silent."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from gateway.outage import Breaker, Watchdog
from gateway.outage.probing import WAIT_SECONDS
from tests.outage.outages import Outage


@pytest.fixture
def breaker() -> Breaker:
    return Breaker()


@pytest.fixture
def watchdog(out: Outage, breaker: Breaker) -> Watchdog:
    """One whose questions nobody answers."""
    if out.proxy is None:
        pytest.skip("nobody watches over a file")
    out.proxy.stall()
    return Watchdog(out.gateway.system.engine, breaker, {})


def look_while_somebody_waits(
    breaker: Breaker, watchdog: Watchdog, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Have the watchdog look, and another thread do ``meanwhile`` while its question waits."""
    ask = watchdog.answers

    def ask_meanwhile() -> bool:
        other = threading.Thread(target=meanwhile)
        other.start()
        is_answered = ask()
        other.join()
        return is_answered

    with pytest.MonkeyPatch.context() as patch, breaker.turn(is_post=True):
        patch.setattr(watchdog, "answers", ask_meanwhile)
        while breaker.longest_turn() <= WAIT_SECONDS:
            time.sleep(0.01)
        watchdog.look()


def test_database_that_says_nothing_is_away(breaker: Breaker, watchdog: Watchdog) -> None:
    look_while_somebody_waits(breaker, watchdog)
    assert breaker.is_open


@pytest.mark.parametrize("is_post", [True, False])
def test_database_that_has_done_a_post_meanwhile_is_there(
    breaker: Breaker, watchdog: Watchdog, is_post: bool
) -> None:
    def do() -> None:
        with breaker.turn(is_post=is_post):
            pass

    look_while_somebody_waits(breaker, watchdog, do)
    # Whoever else is at work with the database may have done nothing there.
    assert breaker.is_open is not is_post


def test_post_that_failed_is_no_sign_of_the_database(breaker: Breaker, watchdog: Watchdog) -> None:
    def fail() -> None:
        with suppress(TimeoutError), breaker.turn(is_post=True):
            raise TimeoutError

    look_while_somebody_waits(breaker, watchdog, fail)
    assert breaker.is_open
