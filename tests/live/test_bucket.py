"""Uploads go into a bucket from the workers of a real gunicorn."""

import os
import signal
from collections.abc import Callable

import httpx
from live_gateway import PATIENCE, LiveGateway, form, request

from gateway.files import open_files
from tests.buckets import s3

CONTENT = os.urandom(100_000).hex()


def upload(gateway: LiveGateway) -> bytes:
    sent = form(last_name="Lee", upload_file_name="a.txt", upload_file_contents=CONTENT)
    return gateway.exchange(request(sent)).body


def test_workers_write_uploads_into_a_bucket(start: Callable[..., LiveGateway]) -> None:
    """None of them has the connections of its master, nor those of the one that it replaces."""
    with s3() as bucket:
        gateway = start(GATEWAY_FILES_URL=bucket.url, WEB_CONCURRENCY="1", **bucket.environment)
        gateway.wait_for_workers()
        assert b"lead_id=1001" in upload(gateway)
        (worker,) = gateway.workers
        os.kill(worker, signal.SIGKILL)
        assert b"lead_id=1002" in upload(gateway)
        assert gateway.workers != [worker]
        files = {each["sha256"] for lead in (1001, 1002) for each in gateway.lead(lead)["files"]}
        assert files <= set(open_files(bucket.url).every())
        ready = f"http://127.0.0.1:{gateway.port}/readyz"
        assert httpx.get(ready).status_code == 200
        bucket.server.stop()
        answer = httpx.get(ready, timeout=PATIENCE)
        assert (answer.status_code, answer.text) == (503, "files: cannot be written")
