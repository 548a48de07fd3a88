"""A solar installer: bill, home and roof, checks between fields, and a partner's old script.

Load it with ``GATEWAY_PLUGINS=plugins.solar``. It shows what ``plugins/auto_dealer.py`` does not:
money, yes and no, a field that another one asks for, a check of one value against another, and a
caller whose script can neither log in nor read our answer.

The partner's script posts from its own network to an address of its own and understands nothing but
``OK|1001`` and ``ERROR|why``. Two settings let it in, both without it on a first run:
``SOLAR_PARTNER_NETWORKS`` (such as ``192.0.2.0/24``, several by commas) names the networks from
which a post without any credentials is the partner's, and ``GATEWAY_ENDPOINTS`` must have
``/solar/lead.php``, the address whose answers are in the partner's form. Behind a proxy the network
is the one that ``GATEWAY_TRUSTED_PROXIES`` lets us see. A network is a weak proof: the partner may
add leads and never change one.
"""

import os
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Range

from gateway import (
    Call,
    Caller,
    Choice,
    CustomField,
    Money,
    Refused,
    Reply,
    Text,
    WholeNumber,
    YesNo,
    hookimpl,
)

Values = Mapping[str, Any]

SQUARE_FEET_PER_KW = 50
"""Roof that one kilowatt covers: 2.5 panels of 400 watts and 20 square feet."""

ROOFS = ("Shingle", "Tile", "Metal", "Flat")

PARTNER_PATH, PARTNER_KIND = "/solar/lead.php", "partner"


def rents(values: Values) -> bool:
    """Whether the home is known to be another's: then its owner must have agreed."""
    return values.get("home_owner") is False


def fits_on_the_roof(values: Values) -> None:
    """Raise ValidationError for a system that the roof has no room for; asked where both are."""
    size, area = values.get("system_size"), values.get("roof_area")
    if size is None or area is None:
        return
    if size * SQUARE_FEET_PER_KW > area:
        most = area // SQUARE_FEET_PER_KW
        raise ValidationError(f"too large for a roof_area of {area} square feet (at most {most})")


@hookimpl
def gateway_custom_fields(settings: Any) -> list[CustomField]:
    """Return what an offer is made from: the bill, the home, the roof, the system."""
    partner_networks()  # a mistake in the setting stops the start, not the partner's first lead
    usage, home, system = "Usage", "Home", "System"
    return [
        CustomField(
            "monthly_bill",
            Money(least=0),
            label="Monthly bill",
            help="What the home pays for electricity in a month; needed where a utility is named.",
            example="185.50",
            group=usage,
            aliases=("electric_bill", "avg_bill"),
            required_if=lambda values: bool(values.get("utility")),
        ),
        CustomField(
            "utility",
            Text(100),
            label="Utility",
            help="The company that the electricity is bought from.",
            example="Pacific Power",
            group=usage,
            aliases=("utility_company", "utility_provider"),
        ),
        CustomField(
            "home_owner",
            YesNo(),
            label="Home owner",
            help="Whether the person owns the home.",
            example="Yes",
            group=home,
            aliases=("homeowner", "own_home"),
        ),
        CustomField(
            "owner_agrees",
            YesNo(),
            label="Owner agrees",
            help="Whether the owner agrees to panels; needed where home_owner is No.",
            example="Yes",
            group=home,
            required_if=rents,
        ),
        CustomField(
            "roof_type",
            Choice(ROOFS),
            label="Roof type",
            help="What the roof is covered with: Shingle, Tile, Metal or Flat.",
            example="Shingle",
            group=home,
        ),
        CustomField(
            "roof_area",
            WholeNumber(least=1, most=1_000_000),
            label="Roof area",
            help="Square feet of roof that panels can be put on.",
            example="900",
            group=home,
        ),
        CustomField(
            "system_size",
            fields.Decimal(
                places=2, validate=Range(min=0, max=10_000, error="not from {min} to {max}")
            ),
            label="System size",
            help="Kilowatts that are asked for; no more than roof_area has room for.",
            example="7.2",
            group=system,
            aliases=("system_kw", "kw"),
            check=fits_on_the_roof,
        ),
        CustomField(
            "battery",
            YesNo(),
            label="Battery",
            help="Whether a battery is wanted.",
            example="No",
            group=system,
        ),
    ]


@hookimpl
def gateway_authenticate(call: Call, settings: Any) -> Caller | None:
    """Return the partner for a post from its network that says nothing of who it is.

    Whoever sends credentials is asked for the right ones, wherever the post comes from.
    """
    who = call.credentials
    if who.login_id or who.password or who.site_token or who.token or who.form_key:
        return None
    if who.authorization or not is_partner(call.address):
        return None
    return Caller(name="solar-partner", kind=PARTNER_KIND, may_dry_run=False)


@hookimpl
def gateway_before_store(
    changes: MutableMapping[str, Any], lead: Values | None, caller: Caller
) -> None:
    """Refuse the partner's post where it would change a lead that is there, by id or by a match."""
    if caller.kind == PARTNER_KIND and lead is not None:
        raise Refused("the partner may add leads only (send it without lead_id and match_update)")


@hookimpl
def gateway_render(reply: Reply, call: Call) -> tuple[bytes, str] | None:
    """Return ``OK|1001`` or ``ERROR|why`` where the partner's address was posted to."""
    if call.path != PARTNER_PATH:
        return None
    if reply.status == 0:
        text = f"OK|{reply.lead_id or ''}"
    else:
        why = "; ".join(each.message for each in reply.problems) or reply.status_message
        text = f"ERROR|{' '.join(why.replace('|', '/').split())}"
    return text.encode("utf-8", "backslashreplace"), "text/plain; charset=utf-8"


def is_partner(address: str) -> bool:
    """Whether a post from this address is the partner's."""
    networks = partner_networks()
    try:
        return any(ip_address(address) in network for network in networks)
    except ValueError:
        return False


def partner_networks() -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of ``SOLAR_PARTNER_NETWORKS``. Raises ValueError for what is none."""
    return _read_networks(os.environ.get("SOLAR_PARTNER_NETWORKS", ""))


@lru_cache(maxsize=1)
def _read_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
