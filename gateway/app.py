"""Puts the parts together, once: settings, database, plugins, routes."""

import logging
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate
from sqlalchemy.engine import make_url

import config
from gateway import database, registry, transport
from gateway.commands import COMMANDS
from gateway.models import db
from gateway.readiness import MIGRATIONS
from gateway.turns import file_of


def create_app(settings: config.Settings | None = None) -> Flask:
    """Return the WSGI application of ``settings`` (default: those of the environment).

    Raises config.BadSettings and registry.BadPlugin: what is wrong stops the start. The System is
    ``app.extensions["gateway"]``; nothing is shared between two applications of one process.
    """
    settings = settings or config.load()
    for name in config.unknown():
        logging.getLogger("gateway").warning("%s: no such setting; it has no effect", name)
    app = Flask("gateway", static_folder=None)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.DATABASE_URL
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = database.engine_options(settings.DATABASE_URL)
    _make_folder(settings.DATABASE_URL)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        engine = db.engine
    # The breaker first: a post must not try an idle connection to a database that is away.
    system = registry.load(settings, engine, COMMANDS)
    database.prepare(engine)
    app.extensions["gateway"] = system
    transport.install(app, system)
    return app


def _make_folder(url: str) -> None:
    """Make the folder of a SQLite file, so that a first run needs no preparation."""
    file = file_of(make_url(url))
    if file is not None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
