"""The rules that every system has, registered by the hook that plugins use for theirs."""

from collections.abc import Collection, Mapping, Set
from typing import Any

from config import Settings
from gateway.contract import MatchRule
from gateway.hookspecs import hookimpl
from gateway.normal import (
    Junk,
    address_key,
    email_key,
    generation,
    junk_values,
    name_key,
    phone_key,
    places_differ,
)

Lead = Mapping[str, Any]

_NAME, _PHONES = {"first_name", "last_name"}, {"phone", "cell"}
_READS: Mapping[str, Set[str]] = {
    "match_name_and_address": _NAME | {"address", "address_2"},
    "match_name_and_phone": _NAME | _PHONES,
    "match_email": {"email"},
    "match_phone": _PHONES,
}
"""What the keys of each of our rules are made of; no plugin may have a rule of such a name."""


def touched(rules: Mapping[str, MatchRule], changed: Collection[str]) -> list[MatchRule]:
    """Return those of ``rules``, by name, that may give other keys where these fields change."""
    return [
        rule
        for name, rule in rules.items()
        if name not in _READS or not _READS[name].isdisjoint(changed)
    ]


@hookimpl
def gateway_match_rules(settings: Settings) -> list[MatchRule]:
    """Return the two documented rules, and ours for an e-mail address or a phone alone."""
    region = settings.GATEWAY_REGION
    parts = _Parts(region, junk_values(settings.GATEWAY_JUNK_VALUES, region))

    def same_place(new: Lead, old: Lead) -> bool:
        return same_generation(new, old) and not places_differ(new, old, region)

    return [
        MatchRule(
            "match_name_and_address",
            lambda lead: _joined(parts.name(lead), parts.addresses(lead)),
            confirm=same_place,
            help="The same name at the same address is the same lead.",
        ),
        MatchRule(
            "match_name_and_phone",
            lambda lead: _joined(parts.name(lead), parts.phones(lead)),
            confirm=same_generation,
            help="The same name with the same phone or cell is the same lead.",
        ),
        MatchRule(
            "match_email",
            parts.emails,
            help="The same e-mail address is the same lead.",
            # Only its own server may say that Ann@… is ann@….
            exact=True,
        ),
        MatchRule(
            "match_phone",
            parts.phones,
            help="The same phone or cell is the same lead, whatever the name.",
        ),
    ]


def same_generation(new: Lead, old: Lead) -> bool:
    """Whether no generation suffix tells the two apart: only one that both have can."""
    suffixes = {
        generation(_text(lead, "first_name"), _text(lead, "last_name")) for lead in (new, old)
    }
    return len(suffixes - {""}) < 2


class _Parts:
    """The normal forms of a lead's parts; junk and what is missing give none."""

    def __init__(self, region: str, junk: Junk) -> None:
        self._region, self._junk = region, junk

    def name(self, lead: Lead) -> str | None:
        return name_key(_text(lead, "first_name"), _text(lead, "last_name"))

    def phones(self, lead: Lead) -> list[str]:
        found = []
        for name in ("phone", "cell"):
            if text := lead.get(name):
                key = phone_key(text, self._region)
                if key and not self._junk.is_junk_phone(key):
                    found.append(key)
        return found

    def addresses(self, lead: Lead) -> list[str]:
        first, second = _text(lead, "address"), _text(lead, "address_2")
        key = address_key(first, second) if first or second else None
        return [key] if key and not self._junk.is_junk_address(key) else []

    def emails(self, lead: Lead) -> list[str]:
        text = lead.get("email")
        key = email_key(text) if text else None
        return [key] if key and not self._junk.is_junk_email(key) else []


def _joined(name: str | None, others: list[str]) -> list[str]:
    return [f"{name}|{other}" for other in others] if name else []


def _text(lead: Lead, name: str) -> str:
    return lead.get(name) or ""
