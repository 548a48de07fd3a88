"""The baseline: a Flask app whose one view reads the body and answers a fixed text.

What is left of a post when nothing is done: the server, the framework, the socket.
"""

from flask import Flask, Response, request

ANSWER = "status=0&status_message=Lead+Creation+Successful&lead_id=1001"

app = Flask(__name__)


@app.post("/service")
def service() -> Response:
    """Answer as an insert does, having done none of it."""
    request.get_data()
    return Response(ANSWER, content_type="text/plain; charset=utf-8")
