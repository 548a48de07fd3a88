"""An insurance agency: several coverages, a licence number that stays hidden, and an outbox.

Load it with ``GATEWAY_PLUGINS=plugins.insurance``. It shows what ``plugins/auto_dealer.py`` does
not: a field of several choices, a sensitive value, a rule of name and birth date, and a reaction to
a new lead.

The reaction is one line of JSON for each new lead, appended to the file that ``INSURANCE_OUTBOX``
names (none on a first run); a program of the agency's reads it and rings somebody. The line says
which lead and which coverages, and nothing about the person: the file is no place for that.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import fields
from marshmallow.validate import Length

from gateway import (
    Choices,
    CustomField,
    DateOnly,
    LeadEvent,
    MatchRule,
    Text,
    hookimpl,
    normal,
)

Lead = Mapping[str, Any]

COVERAGES = ("Auto", "Home", "Renters", "Life", "Health", "Umbrella")

PLACEHOLDERS = frozenset({"1900-01-01", "1970-01-01", "2000-01-01"})
"""Birth dates that programs and hurried people put where they have none."""


@hookimpl
def gateway_custom_fields(settings: Any) -> list[CustomField]:
    """Return what is to be insured, and with whom it is now."""
    wanted, present, driver = "Wanted", "Present policy", "Driver"
    return [
        CustomField(
            "coverages",
            Choices(COVERAGES, commas=True),
            label="Coverages",
            help="Some of Auto, Home, Renters, Life, Health, Umbrella: with commas, or repeated.",
            example="Auto, Home",
            group=wanted,
            aliases=("coverage", "coverage_type"),
        ),
        CustomField(
            "current_insurer",
            Text(100),
            label="Insurer",
            help="The company that insures the person now.",
            example="Acme Mutual",
            group=present,
            aliases=("current_carrier",),
        ),
        CustomField(
            "policy_number",
            Text(50),
            label="Policy number",
            help="Number of the present policy.",
            example="HO-4471-22",
            group=present,
            aliases=("policy_no",),
        ),
        CustomField(
            "policy_expires",
            DateOnly(),
            label="Expires",
            help="Day on which the present policy ends.",
            example="2030-01-31",
            group=present,
            aliases=("renewal_date", "expiration_date"),
        ),
        CustomField(
            "drivers_license",
            fields.String(validate=Length(min=4, max=25)),
            label="Driver's license",
            help="Number of the driver's license.",
            example="D1234567",
            group=driver,
            sensitive=True,
            aliases=("drivers_licence", "license_number", "dl_number"),
        ),
    ]


@hookimpl
def gateway_match_rules(settings: Any) -> list[MatchRule]:
    """Return the rule by which one person who asks again is one lead."""
    return [
        MatchRule(
            "match_name_and_birth_date",
            name_and_birth_date,
            help="The same name with the same whole birth date is the same lead.",
        )
    ]


def name_and_birth_date(lead: Lead) -> Iterator[str]:
    """Yield name and birth date as one key.

    A birth date without its year gives none, of one name many are born on one day of the year; nor
    does one that stands for none.
    """
    name = normal.name_key(lead.get("first_name") or "", lead.get("last_name") or "")
    born = str(lead.get("birth_date") or "")
    if name and len(born) == len("1980-02-29") and born not in PLACEHOLDERS:
        yield f"{name}|{born}"


@hookimpl
def gateway_after_commit(event: LeadEvent) -> None:
    """Append a line to the outbox for a lead that has been made.

    At most once a lead: where the process dies between the commit and the line there is none. So
    the reader of the outbox compares it now and then with ``flask lead list``.
    """
    outbox = os.environ.get("INSURANCE_OUTBOX", "")
    if not outbox or event.action != "created":
        return
    line = {
        "lead_id": event.lead_id,
        "coverages": event.lead.get("coverages") or [],
        "request_id": event.request_id,
    }
    # One short write at the end of a file stays whole, however many workers append to it.
    with open(outbox, "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")
