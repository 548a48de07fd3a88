"""A database that a test can take away, and what a post is then told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url, text

from bench.proxy import Proxy
from gateway import draining
from gateway.testing import Gateway, Response

SAVED = "Saved as {}, will be processed"


LOCK_SECONDS = 3
"""In place of ten, where a test has to sit them out twice."""


SOON = 5
"""The contract says two seconds; a machine that runs other tests as well may need more."""


class Outage:
    """A gateway whose database the test can take away."""

    def __init__(self, gateway: Gateway, proxy: Proxy | None) -> None:
        self.gateway = gateway
        self.proxy = proxy
        gateway.system.snapshot.refresh(gateway.system.engine)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the database away until the block ends."""
        engine = self.gateway.system.engine
        if self.proxy is not None:
            self.proxy.refuse()
            try:
                yield
            finally:
                self.proxy.accept()
        else:
            # As when the volume is not there.
            path = Path(str(engine.url.database))
            engine.dispose()
            gone = path.with_suffix(".gone")
            path.rename(gone)
            path.mkdir()
            try:
                yield
            finally:
                path.rmdir()
                gone.rename(path)
                engine.dispose()
        self.gateway.system.breaker.close()

    def drain(self) -> draining.Drained:
        drained = draining.drain(self.gateway.system)
        assert drained is not None
        return drained

    @property
    def files(self) -> list[Path]:
        return self.gateway.system.spool.paths()


def through(proxy: Proxy, url: str) -> str:
    changed = make_url(url).set(host="127.0.0.1", port=proxy.port)
    return changed.render_as_string(hide_password=False)


def request_id(answer: Response) -> str:
    return str(answer.headers["X-Request-Id"])


def assert_saved(answer: Response) -> str:
    assert (answer.http_status, answer.status) == (200, 1)
    assert answer.status_message == SAVED.format(request_id(answer))
    assert answer.headers["X-Gateway-Error"] == "spooled"
    return request_id(answer)


def assert_nothing_of(secret: bytes, folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret in path.read_bytes()] == []


@contextmanager
def no_keys(out: Outage) -> Iterator[None]:
    """Have the journal take no post that has a key by which a person is found."""
    # Its connections may be those that the outage broke.
    out.gateway.system.engine.dispose()
    for old, new in (
        ("submission_key_pending", "key_gone"),
        ("key_gone", "submission_key_pending"),
    ):
        with out.gateway.system.engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))
        if new == "key_gone":
            yield
