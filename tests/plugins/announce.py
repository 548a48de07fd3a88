"""Tells a log of every new lead."""

import logging

from gateway import hookimpl

log = logging.getLogger("announce")


@hookimpl
def gateway_after_commit(event):
    if event.action == "created":
        log.info("lead %d came in by post %s", event.lead_id, event.request_id)
