"""Posts at the same instant, through four processes, come out as if one had come after another."""

from collections.abc import Callable

import pytest
from live_gateway import LOGIN, SECRET, LiveGateway

from bench.judging import run
from bench.racing import Answer, Client
from bench.serial import Told, has_order, kind, lead, outcome
from bench.variants import VARIANTS, Persons

ROUNDS = 3
POSTS = 64


def test_races_come_out_as_some_order_of_their_posts(
    start: Callable[..., LiveGateway], engine: str
) -> None:
    gateway = start(engine, WEB_CONCURRENCY="4")
    system = gateway.inside.system
    client = Client(gateway.port, {"ai_login_id": LOGIN, "ai_login_password": SECRET})
    faults = {
        (variant.name, turn): found
        for place, variant in enumerate(VARIANTS)
        for turn in range(ROUNDS)
        if (found := run(variant, client, system, number=place * ROUNDS + turn, posts=POSTS).faults)
    }
    assert faults == {}


# The judge itself: it must not call every outcome an order.

JOAN = Persons(1)
BY_PHONE = JOAN.match(phone=JOAN.phone())
BY_ADDRESS = JOAN.match(address=JOAN.address())
BY_BOTH = JOAN.match(phone=JOAN.phone(), address=JOAN.address())


def told(post: dict[str, str], message: str, lead_id: int) -> Told:
    answer = Answer(200, "0", f"Lead {message} Successful", lead_id, "")
    return kind(post), outcome(answer)


@pytest.mark.parametrize(
    ("histories", "expected"),
    [
        ([[told(BY_PHONE, "Creation", 1), told(BY_PHONE, "Update", 1)]], True),
        ([[told(BY_PHONE, "Creation", 1)], [told(BY_PHONE, "Creation", 2)]], False),
        ([[told(BY_PHONE, "Creation", 1)], [told(BY_ADDRESS, "Creation", 2)]], True),
        # With both, one of the two would have been found.
        ([[told(BY_PHONE, "Creation", 1)], [told(BY_BOTH, "Creation", 2)]], False),
        # Lead 2 was there before lead 1 had the address.
        (
            [
                [told(BY_PHONE, "Creation", 1), told(BY_BOTH, "Update", 1)],
                [told(BY_ADDRESS, "Creation", 2), told(BY_ADDRESS, "Update", 2)],
            ],
            True,
        ),
        # Lead 1 has the lower id, and neither could be made with the other one there.
        ([[told(BY_PHONE, "Creation", 1)], [told(BY_PHONE, "Update", 2)]], False),
    ],
)
def test_judge_knows_what_an_order_can_give(histories: list[list[Told]], expected: bool) -> None:
    after = frozenset(
        (n, frozenset().union(*(lead(dict(post)) for post, _ in history)))
        for n, history in enumerate(histories, 1)
    )
    assert has_order(frozenset(), histories, after) is expected
