"""Leads of one country only, their state in capitals."""

from gateway import Refused, hookimpl


@hookimpl
def gateway_before_store(changes, lead, caller):
    if changes.get("country") not in (None, "US"):
        raise Refused("country: not one that we serve (send US)", field="country", code="invalid")
    if changes.get("state"):
        changes["state"] = changes["state"].upper()
    if lead is None:
        changes.setdefault("priority", "Warm")
