"""The WSGI object: ``gunicorn wsgi:app`` serves it, ``flask`` finds its commands through it."""

import sys

from config import BadSettings
from gateway import background, cli
from gateway.app import create_app
from gateway.registry import BadPlugin

try:
    app = create_app()
except BadSettings as error:
    sys.exit(f"The gateway does not start, these settings cannot be read:\n{error}")
except BadPlugin as error:
    sys.exit(f"The gateway does not start: {error}")
cli.install(app)

system = app.extensions["gateway"]
# gunicorn.conf.py starts them in each worker; any other server's process does at its first request.
app.before_request(lambda: background.start(system, see_logins=False))
