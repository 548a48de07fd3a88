"""The second baseline: what a post costs that is read and checked, and not stored.

A Flask app on the same server whose view makes the call and the typed values, and answers a fixed
text.
"""

from datetime import UTC, datetime

from flask import Flask, Response, request

from bench.noop import ANSWER
from gateway.app import create_app
from gateway.schema import parse
from gateway.transport import call, reading
from gateway.transport.identity import new_request_id

system = create_app().extensions["gateway"]
app = Flask(__name__)


@app.post("/service")
def service() -> Response:
    """Answer as an insert does, having read the post and stored nothing."""
    settings = system.settings
    received = call.Request(
        request_id=new_request_id(),
        received_at=datetime.now(UTC),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=reading.read(request.environ, settings.GATEWAY_MAX_BODY),
    )
    post = call.build(received, settings)
    parsed = parse(post.form, system.schema, uploads=post.uploads)
    if post.problem or parsed.rejected:
        return Response(f"status=1&status_message={post.problem or parsed.rejected}")
    return Response(ANSWER, content_type="text/plain; charset=utf-8")
