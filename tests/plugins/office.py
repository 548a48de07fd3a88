"""A caller that is known by its address."""

from gateway import Caller, Refused, hookimpl


@hookimpl
def gateway_authenticate(call, settings):
    if call.address == "192.0.2.66":
        raise Refused("Posts from this address are not taken", code="not_allowed")
    if call.address.startswith("10.") and not call.credentials.login_id:
        return Caller(name="office", defaults={"source": "office"})
    return None
