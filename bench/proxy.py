"""A TCP proxy in front of a database server, which a test can cut, stall or break in a COMMIT."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_CHUNK = 65536
_ROWS = b'"body_sha256":'
"""Stands in the rows of the journal as they go to PostgreSQL."""


class Proxy:
    """Forwards connections to ``target``, from a port of its own.

    ``refuse`` and ``accept`` close and open the door; ``stall`` lets nothing through in either
    direction, and new connections hang; ``cut_commits`` breaks the next connections right after
    their COMMIT has gone to the server, or rows of the journal outside of a transaction, which
    commit themselves; ``after_cut`` is then called.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._commits_to_cut = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.cuts = 0
        self.after_cut: Callable[[], None] | None = None
        # It never listens: the port stays ours while nobody is let in, and is given to no other.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port: int = self._place.getsockname()[1]
        self._listener = self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._place.close()
        self._flowing.set()

    def _listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        return listener

    def refuse(self) -> None:
        """Drop every connection and refuse new ones."""
        # Shut first: closing alone does not wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._drop()

    def accept(self) -> None:
        """Take connections again."""
        self._listener = self._listen()

    def stall(self) -> None:
        """Let nothing through; who connects gets no greeting."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let through what has waited, and all that comes."""
        self._flowing.set()

    def cut_commits(self, number: int) -> None:
        """Break the next ``number`` connections that commit, before the answer comes back."""
        with self._lock:
            self._commits_to_cut = number

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            # Its own thread closes it, whatever happens.
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client:
            self._flowing.wait()
            with suppress(OSError), socket.create_connection(self._target, timeout=10) as server:
                server.settimeout(None)
                with self._lock:
                    self._open |= {client, server}
                try:
                    self._forward(client, server)
                finally:
                    with self._lock:
                        self._open -= {client, server}

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Forward both ways until one side closes, or is cut in its COMMIT."""
        other = {client: server, server: client}
        for each in other:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = False
        while True:
            for source in select.select(list(other), [], [])[0]:
                chunk = source.recv(_CHUNK)
                self._flowing.wait()
                if not chunk:
                    return
                other[source].sendall(chunk)
                if source is not client:
                    continue
                begun = begun or b"BEGIN" in chunk
                ends = b"COMMIT" in chunk or b"ROLLBACK" in chunk
                commits = b"COMMIT" in chunk or (not begun and _ROWS in chunk)
                begun = begun and not ends
                if commits and self._takes_a_cut():
                    if self.after_cut is not None:
                        self.after_cut()
                    return

    def _takes_a_cut(self) -> bool:
        with self._lock:
            if not self._commits_to_cut:
                return False
            self._commits_to_cut -= 1
            self.cuts += 1
            return True

    def _drop(self) -> None:
        with self._lock:
            dropped = list(self._open)
        for each in dropped:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
