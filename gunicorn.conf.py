"""How gunicorn serves the gateway: ``gunicorn -c gunicorn.conf.py``.

HOST, PORT, WEB_CONCURRENCY and WEB_AFFINITY come from the environment; everything else can be
overridden with GUNICORN_CMD_ARGS, for example ``GUNICORN_CMD_ARGS="--threads 16"``.
"""

import ctypes
import functools
import gc
import logging
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gunicorn
from gunicorn.glogging import Logger, SafeAtoms

# On USR2 a master that was started by ``python -m gunicorn`` starts its successor as a script: with
# gunicorn's own folder first on the path, whose http.py would stand for Python's.
_OWN_FOLDER = Path(gunicorn.__file__).resolve().parent
sys.path[:] = [each for each in sys.path if Path(each).resolve() != _OWN_FOLDER]

wsgi_app = "wsgi:app"
chdir = str(Path(__file__).resolve().parent)
# Where the worker is, which Gunicorn looks for before it goes there itself.
if chdir not in sys.path:
    sys.path.insert(0, chdir)
bind = f"{os.environ.get('HOST') or '127.0.0.1'}:{os.environ.get('PORT') or '8000'}"

# Threads, because one slow client would stop a sync worker for everybody.
worker_class = "gunicorn_worker.GatewayWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 8

# The app is built once: a bad setting or plugin stops the start, not every worker for ever.
preload_app = True

# A worker reports that it is alive by touching a file; on a busy disk that can take longer than
# the timeout, and the worker would be killed for it.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

timeout = 30
# What has begun is answered, even to a client that pauses for as long as transport lets it.
graceful_timeout = 40
# A little longer than the 60 seconds for which common load balancers keep a connection: the side
# that sends the requests must be the one that closes, or posts get lost on a closing connection.
keepalive = 65

# What Apache takes by default, so a caller with a long query string needs no change.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190

# X-Forwarded-For is read by the app, and only as far as GATEWAY_TRUSTED_PROXIES says.
forwarded_allow_ips = "127.0.0.1,::1"

# One fixed socket in the home folder would be shared by every gunicorn of the user.
control_socket_disable = True

accesslog = "-"
access_log_format = (
    '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)sus "%(a)s" %({x-request-id}o)s'
)

# What stands behind a path, also where its question mark was forgotten or escaped.
_QUERY = re.compile(r"(?:[?&;=]|%3[BDF]|%26)\S*", re.IGNORECASE)
_PAGE = {"f", "{referer}i", "{http_referer}e"}
_URI = re.compile(r"(Error handling request \S+ )(\S+)")
_QUOTES = re.compile(
    r"(Invalid request from ip=\S*: [^:]*|No more data after)(?::.*)?\Z", re.DOTALL
)


class Atoms(SafeAtoms):
    """Gunicorn's, but Python is asked only for what is not there as it is written."""

    __getitem__ = dict.__getitem__

    def __missing__(self, name: str) -> Any:
        return self.get(name.lower(), "-") if name.startswith("{") else "-"


class WithoutQuery(Logger):
    """Gunicorn's logger, but no query string reaches a log: old callers put passwords there."""

    atoms_wrapper_class = Atoms

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(_cut)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        """Write the line of a request."""
        handler = _only_handler(self.access_log)
        if handler is None:
            super().access(resp, req, environ, request_time)
            return
        # A record of it would be read by nobody, and takes as long to make as the line.
        try:
            atoms = self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
            line = f"{self.cfg.access_log_format % atoms}{handler.terminator}"
            handler.acquire()
            try:
                handler.stream.write(line)
                handler.flush()
            finally:
                handler.release()
        except Exception:
            self.exception("A line of the access log cannot be written")

    def now(self) -> str:
        """Return when a line is written, made once for all of a second."""
        return _moment(int(time.time()))

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any
    ) -> dict[str, Any]:
        # The path as it came: decoded, a %0A in it would begin a line of the caller's own.
        path = _QUERY.sub("", environ["RAW_URI"])
        if self.cfg.access_log_format != access_log_format:
            # In these are what an operator may name: the first line, the query and variables.
            shown = {**environ, "RAW_URI": path, "PATH_INFO": path, "QUERY_STRING": ""}
            told: dict[str, Any] = super().atoms(resp, req, shown, request_time)
            # The address of the page with the form, which may have a query of its own.
            return told | {name: _QUERY.sub("", told[name]) for name in _PAGE & told.keys()}
        # Gunicorn makes one of each header and each variable of the environment as well, which is
        # half of what a line costs; ours names ten.
        status = resp.status
        ids = [value for name, value in resp.headers if name.lower() == "x-request-id"]
        return {
            "h": environ.get("REMOTE_ADDR", "-"),
            "t": self.now(),
            "m": environ.get("REQUEST_METHOD"),
            "U": path,
            "H": environ.get("SERVER_PROTOCOL"),
            "s": status.split(None, 1)[0] if isinstance(status, str) else status,
            "B": resp.sent,
            "D": request_time.seconds * 1_000_000 + request_time.microseconds,
            "a": environ.get("HTTP_USER_AGENT", "-"),
            "{x-request-id}o": ids[-1] if ids else "-",
        }


@functools.lru_cache(maxsize=1)
def _moment(second: int) -> str:
    return time.strftime("[%d/%b/%Y:%H:%M:%S %z]", time.localtime(second))


def _only_handler(log: logging.Logger) -> logging.StreamHandler[Any] | None:
    """Return what writes the lines of ``log``, if that is all that becomes of them."""
    if len(log.handlers) != 1 or log.filters or log.propagate or not log.isEnabledFor(logging.INFO):
        return None
    handler, plain = log.handlers[0], (logging.StreamHandler, logging.FileHandler)
    if not isinstance(handler, logging.StreamHandler) or type(handler) not in plain:
        return None
    is_plain = (
        not handler.filters
        and handler.level <= logging.INFO
        and type(handler.formatter) is logging.Formatter
        and handler.formatter._fmt == Logger.access_fmt
    )
    return handler if is_plain and handler.stream is not None else None


def _cut(record: logging.LogRecord) -> bool:
    """Cut from a record what may be quoted from a request, whatever worker wrote it."""
    message = _URI.sub(lambda uri: uri[1] + _QUERY.sub("...", uri[2]), record.getMessage())
    record.msg = _QUOTES.sub(r"\1", message)
    record.args = ()
    return True


logger_class = WithoutQuery


_THRESHOLDS = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
_KEPT = 4 << 20


def _give_back_large_blocks() -> None:
    """Have what is freed go back to the system, as far as the C library can be told (mallopt(3)).

    The slow hash of a password takes 16 MiB. By itself glibc learns from the first one that such
    blocks are usual and keeps the next ones, one for each thread that ever checked a password.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # An operator's own settings stay.
    if mallopt is not None and _THRESHOLDS.keys().isdisjoint(os.environ):
        for threshold in _THRESHOLDS.values():
            mallopt(threshold, _KEPT)


def when_ready(server: Any) -> None:
    # The workers inherit it.
    _give_back_large_blocks()
    # What the app is made of stays for ever: no collection need look at it again, in no worker, and
    # no page of it need be copied for that.
    gc.collect()
    gc.freeze()


def _processors(workers: int) -> list[int]:
    """Return the processors to which workers are bound, one each; none where they are not.

    Of a worker's threads one at a time runs Python. Where they wander between processors, each
    hand-over costs an interrupt and cold caches: bound ones took 40 % more posts on two processors.
    Where there are more processors than workers, the kernel may choose; a worker on a processor
    that others keep busy takes fewer connections, for all take them from one socket.
    """
    if os.environ.get("WEB_AFFINITY") == "0" or not hasattr(os, "sched_getaffinity"):
        return []
    ours = sorted(os.sched_getaffinity(0))
    return ours if workers >= len(ours) else []


def pre_fork(server: Any, worker: Any) -> None:
    # Chosen here, where all are known: one that takes the place of another goes where that was.
    others = [each.processor for each in server.WORKERS.values()]
    processors = _processors(server.num_workers)
    worker.processor = min(processors, key=others.count) if processors else None


# How gunicorn tells a worker to end.
_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def post_fork(server: Any, worker: Any) -> None:
    # Until the worker has handlers of its own, these would go to those of the master, which do
    # nothing here, and the master would wait for it until graceful_timeout; so they are kept.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    # Only here, where the app is loaded, is its folder on the path.
    from gateway import background

    # Connections made while the app was built belong to the master; two processes that use one
    # would read each other's answers.
    system = worker.app.wsgi().extensions["gateway"]
    system.engine.dispose(close=False)
    background.start(system)


def post_worker_init(worker: Any) -> None:
    # Its threads come later, and inherit this.
    if worker.processor is not None:
        os.sched_setaffinity(0, {worker.processor})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
