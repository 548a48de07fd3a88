"""Posts to the endpoints, answered at the door: routing and request objects took a third of one.

What is read and answered is the same as behind Flask's view, which serves everything else.
"""

from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import Any

from werkzeug.http import HTTP_STATUS_CODES

from gateway.contract import Answer

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def around(
    application: Application, paths: Collection[str], take: Callable[[Environ], Answer]
) -> Application:
    """Return a WSGI application that has ``take`` answer a POST to one of ``paths``."""
    # The server hands a path over as the latin-1 of its bytes.
    ours = frozenset(path for path in paths if path.isascii())

    def serve(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or environ.get("PATH_INFO") not in ours:
            return application(environ, start_response)
        answer = take(environ)
        start_response(
            _status_line(answer.http_status),
            [
                ("Content-Type", answer.content_type),
                ("Content-Length", str(len(answer.body))),
                *answer.headers.items(),
            ],
        )
        return [answer.body]

    return serve


@lru_cache(maxsize=16)
def _status_line(status: int) -> str:
    return f"{status} {HTTP_STATUS_CODES.get(status, 'Unknown').upper()}"
