"""What only the server has: many clients at once, slow ones, huge bodies, an end, logs."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live_gateway import PATIENCE, LiveGateway, form, prepared, read_answer, request, running

from config import ROOT
from gateway.testing.databases import Databases

STALLED = 6
"""Clients that stop in the middle; fewer than one worker has threads."""


def test_posts_at_once_through_both_workers_are_all_stored(
    start: Callable[..., LiveGateway], engine: str
) -> None:
    gateway = start(engine)
    posts = [request(form(external_id=f"e{number}", tags="a,b")) for number in range(60)]
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(gateway.exchange, posts))
    assert min(answer.lead_id for answer in answers) == 1001
    assert len({answer.lead_id for answer in answers}) == gateway.count() == 60


def test_slow_clients_hold_up_nobody_and_are_served(live: LiveGateway) -> None:
    post = request(form(last_name="Slow"))
    slow = [live.connect() for _ in range(STALLED)]
    for connection in slow:
        connection.sendall(post[:-5])
    for number in range(20):
        assert live.exchange(request(form(last_name=f"Quick {number}"))).status == 200
    for connection in slow:
        connection.sendall(post[-5:])
        assert read_answer(connection).lead_id
        connection.close()


def test_client_that_falls_silent_is_refused_in_time(live: LiveGateway) -> None:
    with live.connect() as silent:
        silent.sendall(request(form(last_name="Silent"))[:-5])
        answer = read_answer(silent)
    assert answer.pairs["status"] == "1"
    assert "did not arrive in time" in answer.pairs["status_message"]


@pytest.mark.parametrize("size", [17 * 1024 * 1024, 20_000_000])
def test_refusal_of_a_huge_body_arrives(live: LiveGateway, size: int) -> None:
    body = form(last_name="Huge") + b"&upload_file_name=a&upload_file_contents="
    # All is sent before the answer is read, as most clients do.
    answer = live.exchange(request(body + b"x" * (size - len(body))))
    assert answer.status == 200
    assert answer.pairs["status"] == "1"
    assert answer.headers["X-Gateway-Error"] == "too_large"


def test_term_lets_what_has_begun_finish(start: Callable[..., LiveGateway]) -> None:
    gateway = start()
    gateway.wait_for_workers()
    post = request(form(last_name="Last"))
    with gateway.connect() as connection:
        connection.sendall(post[:-5])
        # An answer on another connection shows that the workers are at it.
        gateway.exchange(request(form(last_name="Before")))
        gateway.process.terminate()
        gateway.wait_for_log("Handling signal: term")
        connection.sendall(post[-5:])
        assert read_answer(connection).lead_id == 1002
    assert gateway.process.wait(PATIENCE) == 0
    assert gateway.count() == 2


def test_usr2_gives_the_port_to_a_new_master(start: Callable[..., LiveGateway]) -> None:
    gateway = start()
    gateway.wait_for_workers()
    assert gateway.exchange(request(form(last_name="Before"))).lead_id == 1001
    gateway.process.send_signal(signal.SIGUSR2)
    new = int(gateway.wait_for_log(r"(?s)Listening at:.*Listening at: \S+ \((\d+)\)")[1])
    try:
        gateway.wait_for_log(rf"(?s)Listening at: \S+ \({new}\).*Booting worker.*Booting worker")
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(PATIENCE) == 0
        assert gateway.exchange(request(form(last_name="After"))).lead_id == 1002
    finally:
        os.kill(new, signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while gateway.log.count("Shutting down: Master") < 2:
        assert time.monotonic() < end, gateway.log
        time.sleep(0.05)


SLOW_WORKER = """
import runpy, time
from pathlib import Path

globals().update(runpy.run_path({ours!r}))
begin = post_fork

def post_fork(server, worker):
    begin(server, worker)
    Path({folder!r}, f"forked {{worker.age}}").touch()
    time.sleep(1)
"""


def test_term_ends_a_worker_that_only_just_begins(databases: Databases, tmp_path: Path) -> None:
    """It would be lost, and the master would wait for the worker until graceful_timeout, which is
    longer here than anybody waits."""
    configuration = tmp_path / "conf.py"
    configuration.write_text(
        SLOW_WORKER.format(ours=str(ROOT / "gunicorn.conf.py"), folder=str(tmp_path))
    )
    forked = tmp_path / "forked 2"
    with (
        prepared(databases, "sqlite") as inside,
        running(
            *(inside, tmp_path),
            configuration=configuration,
            GUNICORN_CMD_ARGS=f"--graceful-timeout {10 * PATIENCE}",
        ) as gateway,
    ):
        end = time.monotonic() + PATIENCE
        while not forked.exists():
            assert gateway.process.poll() is None, gateway.log
            assert time.monotonic() < end, gateway.log
            time.sleep(0.01)
        gateway.process.terminate()
        assert gateway.process.wait(PATIENCE) == 0


def bindings(gateway: LiveGateway) -> list[set[int]]:
    """Return the processors on which each worker, and so the threads that serve, may run."""
    return [os.sched_getaffinity(worker) for worker in gateway.workers]


def test_each_worker_has_a_processor_also_one_that_takes_the_place_of_another(
    start: Callable[..., LiveGateway],
) -> None:
    ours = sorted(os.sched_getaffinity(0))
    gateway = start(WEB_CONCURRENCY=str(len(ours)))

    def wait_until_bound() -> None:
        gateway.wait_for_workers()
        end = time.monotonic() + PATIENCE
        while sorted(map(sorted, bindings(gateway))) != [[each] for each in ours]:
            assert time.monotonic() < end, bindings(gateway)
            time.sleep(0.02)
        assert gateway.exchange(request(form(last_name="Ann"))).lead_id

    wait_until_bound()
    for killed in gateway.workers:
        os.kill(killed, signal.SIGKILL)
        gateway.wait_for_log(rf"Worker \(pid:{killed}\) was sent SIGKILL")
        wait_until_bound()


def test_workers_wander_where_processors_are_left_or_nobody_wants_them_bound(
    start: Callable[..., LiveGateway],
) -> None:
    ours = os.sched_getaffinity(0)
    for settings in ({"WEB_CONCURRENCY": "1"}, {"WEB_CONCURRENCY": "8", "WEB_AFFINITY": "0"}):
        gateway = start(**settings)
        gateway.wait_for_workers()
        for number in range(30):
            gateway.exchange(request(form(last_name=f"Ann {number}")))
        assert bindings(gateway) == [ours] * int(settings["WEB_CONCURRENCY"])


def test_no_query_string_reaches_a_log(live: LiveGateway) -> None:
    query = "ai_login_id=LOGIN&ai_login_password=a-secret"
    live.exchange(request(b"mode=insert", target=f"/service?{query}"))
    live.exchange(request(b"", target=f"/unknown%0Aforged?{query}"))
    live.exchange(request(b"", target=f"/forgotten&{query}"))
    live.exchange(request(b"", target="/escaped%3Fai_login_password%3Da-secret"))
    for path in ("service", "unknown%0Aforged", "forgotten", "escaped"):
        live.wait_for_log(f"POST /{path} HTTP/1.1")
    assert "a-secret" not in live.log


@pytest.mark.parametrize(
    ("first", "cause"),
    [
        ("POST /service?a=Ann Lee&ai_login_password=a-secret HTTP/1.1", "Invalid HTTP Version"),
        ("POST /service?a='x'&ai_login_password=a-secret HTTP/9.x", "Invalid HTTP Version"),
        ("POST /service?ai_login_password=a-secret\xe9 HTTP/1.1", "Invalid HTTP request line"),
        ("a&ai_login_password=a-secret /service HTTP/1.1", "Invalid HTTP method"),
        ("POST /service HTTP/1.1\r\nai_login_password=a-secret", "Invalid HTTP Header"),
        ("POST /service HTTP/1.1\r\na-secret : 1", "Invalid HTTP header name"),
        ("POST /service HTTP/1.1\r\nExpect: a-secret", "Unable to comply with expectation"),
    ],
)
def test_request_that_cannot_be_read_is_quoted_nowhere(
    live: LiveGateway, first: str, cause: str
) -> None:
    answer = live.exchange(f"{first}\r\nHost: gateway.test\r\n\r\n".encode())
    assert 400 <= answer.status < 500
    assert cause.encode() in answer.body
    assert b"secret" not in answer.body
    live.wait_for_log(rf"Invalid request from ip=127\.0\.0\.1: {cause}\n")
    assert "a-secret" not in live.log


def test_answer_names_the_request_as_the_log_does(live: LiveGateway) -> None:
    answer = live.exchange(request(form(last_name="Traced")))
    live.wait_for_log(answer.headers["X-Request-Id"])
