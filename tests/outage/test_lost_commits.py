"""A COMMIT whose answer is lost is not done again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.outage.outages import Outage, assert_saved


@pytest.mark.parametrize("field", ["external_id", "full_name"])
def test_commit_whose_answer_is_lost_is_done_once(out: Outage, field: str) -> None:
    proxy = out.proxy
    if proxy is None:
        pytest.skip("SQLite has no connection that breaks")
    for number in range(6):
        proxy.cut_commits(1)
        answer = out.gateway.send(**{field: f"cut-{number}"})
        if answer.status != 0:
            assert_saved(answer)
        out.gateway.system.breaker.close()
    assert proxy.cuts >= 1
    # Cut in the drain as well.
    proxy.cut_commits(1)
    out.drain()
    out.drain()
    # A new connection commits as well, and is cut.
    proxy.cut_commits(0)
    out.drain()
    assert out.files == []
    assert out.gateway.count() == 6
    assert len(out.gateway.journal()) == 6


def ann(number: int) -> dict[str, str]:
    return {"full_name": f"Ann {number}"}


def ann_twice(number: int) -> dict[str, str]:
    phone = f"503-555-{number // 2:04}"
    return {**ann(number // 2), "phone": phone, "match_update": "1", "match_phone": "1"}


@pytest.mark.parametrize(("post", "leads"), [(ann, 40), (ann_twice, 20)])
@pytest.mark.parametrize("goes_away", [False, True])
def test_batch_whose_commit_answer_is_lost_is_done_once(
    out: Outage, goes_away: bool, post: Callable[[int], dict[str, str]], leads: int
) -> None:
    proxy = out.proxy
    if proxy is None:
        pytest.skip("SQLite has no connection that breaks")
    out.gateway.send(full_name="The first connection finds out what the server can do")
    # With the database away nobody can look whether the batch was committed.
    proxy.after_cut = proxy.refuse if goes_away else None
    cuts = 1 if goes_away else 3
    proxy.cut_commits(cuts)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: out.gateway.send(**post(n)), range(40)))
    assert proxy.cuts == cuts
    proxy.after_cut = None
    if goes_away:
        proxy.accept()
    out.gateway.system.breaker.close()
    for number, answer in enumerate(answers):
        if answer.status:
            assert_saved(answer)
            continue
        assert answer.lead_id is not None
        lead = out.gateway.lead(answer.lead_id)
        assert lead is not None
        assert lead["full_name"] == post(number)["full_name"]
    out.drain()
    assert out.files == []
    assert (out.gateway.count(), len(out.gateway.journal())) == (leads + 1, 41)


@pytest.mark.parametrize("field", ["external_id", "full_name"])
def test_commit_that_is_lost_with_the_database_is_done_once(out: Outage, field: str) -> None:
    proxy = out.proxy
    if proxy is None:
        pytest.skip("SQLite has no connection that breaks")
    proxy.after_cut = proxy.refuse
    proxy.cut_commits(1)
    saved = assert_saved(out.gateway.send(**{field: "lost"}))
    proxy.after_cut = None
    assert len(out.files) == 1
    proxy.accept()
    drained = out.drain()
    assert (drained.accepted + drained.already, drained.waiting) == (1, 0)
    (row,) = out.gateway.journal()
    assert (row["request_id"], row["outcome"]) == (saved, "accepted")
    assert out.gateway.count() == 1
