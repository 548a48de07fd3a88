"""Gunicorn's worker with threads, as the gateway needs it; ``gunicorn.conf.py`` names it."""

import errno
import selectors
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.errors import (
    ConfigurationProblem,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import TConn, ThreadWorker

from gunicorn_connection import Answer, Connection

PARTING_SECONDS = 2.0
PARTING_BYTES = 65_536
"""How long a client may take to close, and how much it may still send; as in Gunicorn."""

USED_UP = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
USED_UP_SECONDS = 0.1

NOTIFY_SECONDS = 0.5
"""How often the master is told that a worker is alive; it waits for ``timeout`` seconds."""


class GatewayWorker(ThreadWorker):
    """Gunicorn's worker with threads, which takes no more connections than it has threads for, lets
    no client hold up its end of a connection, and quotes nothing of a request it cannot read."""

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._parting: dict[TConn, int] = {}
        self._to_close: list[Any] | None = None
        self._door = threading.Lock()
        self._notified_at = 0.0
        self._names: dict[Any, Any] = {}
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

    def run(self) -> None:
        """Serve until the end."""
        # Each time it is asked for a setting Gunicorn looks for it by two functions; from here on,
        # where all hooks of the start have been called, none changes.
        settings = {name: each.get() for name, each in self.cfg.settings.items()}
        self.cfg.__dict__.update(settings)
        super().run()

    def notify(self) -> None:
        """Tell the master that the worker is alive; not for every event, as it writes a file."""
        now = time.monotonic()
        if now - self._notified_at >= min(NOTIFY_SECONDS, self.timeout / 4):
            self._notified_at = now
            super().notify()

    def is_parent_alive(self) -> bool:
        """Return whether the master is there; without it the worker ends as if it had been told."""
        if not super().is_parent_alive():
            self.alive = False
        return bool(self.alive)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or cease to take connections; at its end take what waits as threads become free.

        Who waits would be broken off when the last worker closes the socket.
        """
        self._open_or_shut()
        if not self.alive:
            self._take_last()

    def _open_or_shut(self) -> None:
        """Take connections from now on, or none; asked anew, as a thread may have become free."""
        with self._door:
            super().set_accept_enabled(self.alive and self.nr_conns < self.worker_connections)

    def accept(self, listener: Any) -> None:
        """Take a connection; where there is no file left for it, let it wait for a moment."""
        try:
            self._take(listener)
        except OSError as error:
            if error.errno not in USED_UP:
                raise
            self.log.warning("No connection can be taken now: %s", error.strerror)
            # Else the poller would say at once that somebody waits.
            time.sleep(USED_UP_SECONDS)

    def _take(self, listener: Any) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        name = self._names.get(listener)
        if name is None:
            name = self._names[listener] = listener.getsockname()
        self.enqueue_req(Connection(self.cfg, client, address, name))

    def enqueue_req(self, conn: TConn) -> None:
        """Have a thread answer what comes next on a connection."""
        self.tpool.submit(self.handle, conn).add_done_callback(partial(self._go_on, conn))

    def _go_on(self, conn: TConn, done: Any) -> None:
        """Go on after a request, in the thread that has answered it.

        A connection that is kept goes back to the thread that waits for all of them. To wake it for
        those that end, as Gunicorn does, would have it and this one wait for each other once more.
        """
        if done.cancelled() or done.exception() is not None or done.result():
            self.method_queue.defer(self.finish_request, conn, done)
        else:
            self._say_goodbye(conn)

    def _take_last(self) -> None:
        """Take as many as there may be; close a socket at which nobody waits any more, so that
        who comes then goes to another worker, or hears at once that there is none."""
        if self._to_close is None:
            self._to_close = list(self.sockets)
        while self._to_close and self.nr_conns < self.worker_connections:
            listener, before = self._to_close[-1], self.nr_conns
            try:
                self._take(listener)
            except OSError:
                # There is no file left for it now.
                return
            if self.nr_conns == before:
                self._to_close.pop().close()

    def _say_goodbye(self, conn: TConn) -> None:
        """End a connection: it is closed when the client has closed its side, or an answer could be
        cut off (RFC 9112, 9.6).

        Gunicorn waits for that with everybody else's connections at a stand: old PHP closes each
        one, and a client on the other side of the world takes a fifth of a second.
        """
        conn.timeout = time.monotonic() + PARTING_SECONDS
        self._parting[conn] = 0
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._hear_out, conn))
        except (OSError, ValueError):
            # It is closed.
            self.method_queue.defer(self._part, conn)
            return
        if self.alive:
            self._open_or_shut()
        else:
            # The main thread takes those who still wait, as soon as something wakes it.
            self.method_queue.defer(_nothing)

    def _hear_out(self, conn: TConn, client: Any) -> None:
        """Drop what a client sends after its answer; close at its end, or where it is too much."""
        try:
            heard = len(client.recv(PARTING_BYTES, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return
        except OSError:
            heard = 0
        self._parting[conn] += heard
        if not heard or self._parting[conn] >= PARTING_BYTES:
            self._part(conn)

    def _part(self, conn: TConn) -> None:
        if self._parting.pop(conn, None) is None:
            return
        with suppress(OSError, KeyError, ValueError):
            # Where it was closed before it came so far, it is not there.
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close what has waited for too long, those among it that a client does not close."""
        super().murder_pending()
        if not self.alive:
            self._take_last()
        now = time.monotonic()
        for conn in [each for each in list(self._parting) if each.timeout <= now]:
            self._part(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer one request as Gunicorn does, by ``Answer``; return whether more may come."""
        environ: dict[str, Any] = {}
        resp = None
        try:
            self.cfg.pre_request(self, req)
            began = datetime.now()
            resp, environ = wsgi.create(
                req, conn.sock, conn.client, conn.server, self.cfg, response_class=Answer
            )
            environ["wsgi.multithread"] = True
            self.nr += 1
            if self.nr >= self.max_requests and self.alive:
                self.log.info("Autorestarting worker after current request.")
                self.alive = False
            is_full = len(self.keepalived_conns) >= self.max_keepalived
            if is_full or not self.alive or not self.cfg.keepalive:
                resp.force_close()
            body = self.wsgi(environ, resp.start_response)
            try:
                if isinstance(body, environ["wsgi.file_wrapper"]):
                    resp.write_file(body)
                else:
                    for each in body:
                        resp.write(each)
                resp.close()
            finally:
                self.log.access(resp, req, environ, datetime.now() - began)
                if hasattr(body, "close"):
                    body.close()
            return not resp.should_close()
        except OSError:
            raise
        except (Exception, SystemExit):
            if resp is None or not resp.headers_sent:
                raise
            # Another answer behind the beginning of this one would be a part of it.
            self.log.exception("Error handling request")
            close_graceful(conn.sock)
            raise StopIteration from None
        finally:
            try:
                self.cfg.post_request(self, req, environ, resp)
            except Exception:
                self.log.exception("Exception in post_request hook")

    # Old callers put passwords into addresses; a raw space behind one makes it a bad HTTP version.
    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that cannot be read."""
        # In these stand Gunicorn's own words.
        own = isinstance(exc, LimitRequestLine | LimitRequestHeaders | ConfigurationProblem)
        if isinstance(exc, ParseException) and not own:
            quoted = {name for name, value in vars(exc).items() if isinstance(value, str | bytes)}
            vars(exc).update(dict.fromkeys(quoted, "..."))
        super().handle_error(req, client, addr, exc)


def _nothing() -> None:
    pass
