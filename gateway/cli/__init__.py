"""The commands of ``flask``, one file a noun."""

from flask import Flask

from gateway.cli.balance import journals
from gateway.cli.caller import callers
from gateway.cli.config import config
from gateway.cli.custom_status import custom_statuses
from gateway.cli.field import fields
from gateway.cli.files import files
from gateway.cli.lead_export import export_file
from gateway.cli.lead_import import import_file
from gateway.cli.login import logins
from gateway.cli.match import matching
from gateway.cli.person import leads
from gateway.cli.plugin import plugins
from gateway.cli.pool import pools
from gateway.cli.secrets import secret_keys
from gateway.cli.status import statuses
from gateway.cli.user import users

NOUNS = (
    logins,
    callers,
    users,
    pools,
    statuses,
    custom_statuses,
    leads,
    fields,
    matching,
    journals,
    files,
    secret_keys,
    plugins,
    config,
)

leads.add_command(import_file)
leads.add_command(export_file)


def install(app: Flask) -> None:
    """Add every noun to the ``flask`` command of ``app``."""
    for noun in NOUNS:
        app.cli.add_command(noun)
