"""Gunicorn's worker with threads, as the gateway needs it; ``gunicorn.conf.py`` names it."""

import selectors
import socket
import time
from functools import partial
from typing import Any

from gunicorn.http.errors import (
    ConfigurationProblem,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import TConn, ThreadWorker

PARTING_SECONDS = 2.0
PARTING_BYTES = 65_536
"""How long a client may take to close, and how much it may still send; as in Gunicorn."""


class GatewayWorker(ThreadWorker):
    """Gunicorn's worker with threads, which takes no more connections than it has threads for, lets
    no client hold up its end of a connection, and quotes nothing of a request it cannot read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._parting: dict[TConn, int] = {}
        self._to_close: list[Any] | None = None
        super().__init__(*args, **kwargs)
        # At its end Gunicorn closes its pipe, and threads that still answer would write into what
        # file has its number by then. It goes with the process.
        self.method_queue.close = lambda: None

    @property
    def worker_connections(self) -> int:
        """How many connections there may be now; those that wait for a client need no thread.

        What it took beyond that would wait for it while another worker is free.
        """
        idle = len(self.keepalived_conns) + len(self.pending_conns) + len(self._parting)
        return min(idle + int(self.cfg.threads), int(self.cfg.worker_connections))

    @worker_connections.setter
    def worker_connections(self, configured: int) -> None:
        """Ignore what Gunicorn sets at the start: it is read from the settings each time."""

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take connections; at its end take what waits as threads become free.

        Who waits would be broken off when the last worker closes the socket.
        """
        super().set_accept_enabled(enabled)
        if not self.alive:
            self._take_last()

    def _take_last(self) -> None:
        """Take as many as there may be; close a socket at which nobody waits any more, so that
        who comes then goes to another worker, or hears at once that there is none."""
        if self._to_close is None:
            self._to_close = list(self.sockets)
        while self._to_close and self.nr_conns < self.worker_connections:
            listener, before = self._to_close[-1], self.nr_conns
            try:
                self.accept(listener)
            except OSError:
                # There is no file left for it now.
                return
            if self.nr_conns == before:
                self._to_close.pop().close()

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """Go on with a connection after a request.

        One that ends is closed when the client has closed its side, or an answer could be cut off
        (RFC 9112, 9.6). Gunicorn waits for that with everybody else's connections at a stand: old
        PHP closes each one, and a client on the other side of the world takes a fifth of a second.
        """
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._hear_out, conn))
        except (OSError, ValueError):
            # It is closed.
            self.nr_conns -= 1
            conn.close()
            return
        conn.timeout = time.monotonic() + PARTING_SECONDS
        self._parting[conn] = 0

    def _hear_out(self, conn: TConn, client: Any) -> None:
        """Drop what a client sends after its answer; close at its end, or where it is too much."""
        try:
            heard = len(client.recv(PARTING_BYTES))
        except BlockingIOError:
            return
        except OSError:
            heard = 0
        self._parting[conn] += heard
        if not heard or self._parting[conn] >= PARTING_BYTES:
            self._part(conn)

    def _part(self, conn: TConn) -> None:
        del self._parting[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close what has waited for too long, those among it that a client does not close."""
        super().murder_pending()
        if not self.alive:
            self._take_last()
        now = time.monotonic()
        for conn in [each for each in self._parting if each.timeout <= now]:
            self._part(conn)

    # Old callers put passwords into addresses; a raw space behind one makes it a bad HTTP version.
    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that cannot be read."""
        # In these stand Gunicorn's own words.
        own = isinstance(exc, LimitRequestLine | LimitRequestHeaders | ConfigurationProblem)
        if isinstance(exc, ParseException) and not own:
            quoted = {name for name, value in vars(exc).items() if isinstance(value, str | bytes)}
            vars(exc).update(dict.fromkeys(quoted, "..."))
        super().handle_error(req, client, addr, exc)
