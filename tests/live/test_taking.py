"""Connections: those beyond a worker's threads wait where every worker can take them, and none
holds up the others at its end."""

import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from live_gateway import PATIENCE, LiveGateway, form, read_answer, request

THREADS = 2
ONE_WORKER = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": f"--threads {THREADS}"}
LISTENS = "0A"


def not_taken(gateway: LiveGateway) -> int:
    """Return how many connections the kernel has made that no worker has taken yet (proc(5))."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, address, _, state, queues, *_ = line.split()
        if state == LISTENS and int(address.rpartition(":")[2], 16) == gateway.port:
            return int(queues.rpartition(":")[2], 16)
    raise AssertionError(f"nobody listens at {gateway.port}")


def wait_until_waiting(gateway: LiveGateway, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while not_taken(gateway) != count:
        assert time.monotonic() < end, not_taken(gateway)
        time.sleep(0.01)


def busy(gateway: LiveGateway, clients: ExitStack) -> list[Callable[[], int]]:
    """Occupy each thread with a post that stops in the middle, and have three more wait.

    Return what brings each post to its end, and gives its lead.
    """
    gateway.wait_for_workers()
    post = request(form(last_name="Ann"))

    def client(sent: bytes) -> Callable[[], int]:
        connection = clients.enter_context(gateway.connect())
        connection.sendall(sent)

        def finish() -> int:
            connection.sendall(post[len(sent) :])
            return read_answer(connection).lead_id

        return finish

    stalled = [client(post[:-5]) for _ in range(THREADS)]
    wait_until_waiting(gateway, 0)
    waiting = [client(post) for _ in range(3)]
    wait_until_waiting(gateway, 3)
    return [*stalled, *waiting]


def test_who_finds_no_thread_is_not_taken_yet(start: Callable[..., LiveGateway]) -> None:
    gateway = start(**ONE_WORKER)
    with ExitStack() as clients:
        finished = {finish() for finish in busy(gateway, clients)}
    assert finished == {1001, 1002, 1003, 1004, 1005}
    assert not_taken(gateway) == 0


def test_end_answers_those_who_wait(start: Callable[..., LiveGateway]) -> None:
    gateway = start(**ONE_WORKER)
    with ExitStack() as clients:
        posts = busy(gateway, clients)
        gateway.process.terminate()
        gateway.wait_for_log("Handling signal: term")
        assert {finish() for finish in posts} == {1001, 1002, 1003, 1004, 1005}
    assert gateway.process.wait(PATIENCE) == 0
    assert gateway.count() == 5


def test_connections_that_are_kept_take_no_thread(start: Callable[..., LiveGateway]) -> None:
    gateway = start(**ONE_WORKER)
    post = request(form(last_name="Ann"))
    with ExitStack() as clients:
        kept = [clients.enter_context(gateway.connect()) for _ in range(3 * THREADS)]
        for _ in range(2):
            for connection in kept:
                connection.sendall(post)
                assert read_answer(connection).lead_id
        assert gateway.exchange(post).lead_id == 1001 + 2 * len(kept)


UNHURRIED = 20


def test_clients_that_do_not_close_hold_up_nobody(start: Callable[..., LiveGateway]) -> None:
    """Each would be waited for for two seconds."""
    gateway = start(**ONE_WORKER)
    gateway.wait_for_workers()
    began = time.monotonic()
    with ExitStack() as clients:
        for number in range(UNHURRIED):
            client = clients.enter_context(gateway.connect())
            client.sendall(request(form(last_name="Ann"), "Connection: close"))
            assert read_answer(client).lead_id == 1001 + number
            # What comes late is dropped.
            client.sendall(b"\r\n")
    assert time.monotonic() - began < UNHURRIED


def test_end_does_not_wait_for_clients_that_do_not_close(
    start: Callable[..., LiveGateway],
) -> None:
    gateway = start(**ONE_WORKER)
    gateway.wait_for_workers()
    with ExitStack() as clients:
        for _ in range(UNHURRIED):
            client = clients.enter_context(gateway.connect())
            client.sendall(request(form(last_name="Ann"), "Connection: close"))
            assert read_answer(client).lead_id
        gateway.process.terminate()
        assert gateway.process.wait(UNHURRIED) == 0


def test_worker_that_has_lost_its_master_answers_those_who_wait(
    start: Callable[..., LiveGateway],
) -> None:
    gateway = start(**ONE_WORKER)
    with ExitStack() as clients:
        posts = busy(gateway, clients)
        gateway.process.kill()
        gateway.process.wait(PATIENCE)
        # It looks once a second whether it has a master.
        end = time.monotonic() + PATIENCE
        while "Parent changed" not in gateway.log:
            assert time.monotonic() < end, gateway.log
            time.sleep(0.05)
        assert {finish() for finish in posts} == {1001, 1002, 1003, 1004, 1005}
    assert gateway.count() == 5


def test_worker_without_a_file_for_a_connection_waits_for_one(
    start: Callable[..., LiveGateway],
) -> None:
    gateway = start(WEB_CONCURRENCY="1")
    post = request(form(last_name="Ann"))
    first = gateway.exchange(post).lead_id
    (worker,) = gateway.workers
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    # What it has open stays; the numbers of its input and output, which it never closes, are all
    # that is left.
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, before[1]))
    with gateway.connect() as connection:
        connection.sendall(post)
        gateway.wait_for_log("No connection can be taken now")
        # Once a second the keeper looks into the spool, and says in one line that it cannot.
        gateway.wait_for_log("the keeper of the spool cannot work now; it goes on: Too many open")
        resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
        assert read_answer(connection).lead_id == first + 1
    assert gateway.workers == [worker]
