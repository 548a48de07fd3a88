"""A match rule; its field comes from plugins.example, which must be listed as well."""

from gateway import MatchRule, hookimpl


def vin_key(lead):
    vin = "".join((lead.get("vin") or "").upper().split())
    if vin:
        yield vin


@hookimpl
def gateway_match_rules(settings):
    return [MatchRule("match_same_vin", vin_key, help="The same VIN is the same lead.")]
