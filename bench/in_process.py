"""Posts that go through the whole application in this process: no server, no other client."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from bench.load import PATH, is_success


def send(app: Callable[..., Any], content: bytes) -> None:
    """Post ``content`` to ``app``, a WSGI application; ends the program where it is not taken."""
    environ = EnvironBuilder(
        path=PATH,
        method="POST",
        content_type="application/x-www-form-urlencoded",
        input_stream=BytesIO(content),
        content_length=len(content),
    ).get_environ()
    chunks, status, _ = run_wsgi_app(app, environ)
    answer = b"".join(chunks)
    if not is_success(f"HTTP/1.1 {status}".encode() + answer):
        raise SystemExit(f"This post was not taken: {answer.decode()}")
