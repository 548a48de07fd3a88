"""A car dealer: the car that is wanted, the car that is traded in, and how to get back to people.

Load it with ``GATEWAY_PLUGINS=plugins.auto_dealer``. It adds the fields below, the rule
``match_vin``, the command ``vin_check``, and fills a model year that was not sent from the VIN.

A VIN is read as 49 CFR 565 has it: 17 characters, no I, O or Q, and a check digit in the ninth
place. The check digit is asked for where makers must put one (``GATEWAY_REGION`` US or CA);
elsewhere the ninth character says nothing. Cars made before 1981 have shorter numbers in the form
that their maker chose: 5 to 13 letters and digits, at least one digit, taken as they are.
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields

from gateway import (
    Call,
    Caller,
    Choice,
    Command,
    CustomField,
    DateOnly,
    MatchRule,
    Money,
    Refused,
    Reply,
    System,
    Text,
    WholeNumber,
    hookimpl,
    normal,
)

Lead = Mapping[str, Any]

CHECKED_REGIONS = frozenset({"US", "CA"})
"""Where every VIN of 17 characters has a check digit."""

LENGTH, CHECK_PLACE = 17, 8
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
VALUES = {str(digit): digit for digit in range(10)} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)
)
"""What each character counts in the check digit; I, O and Q are not in it."""

LEAD_TYPES = ("Sales", "Service", "Parts", "Finance")
CONDITIONS = ("New", "Used", "Certified")
CONTACTS = ("Phone", "Text", "Email")

YEAR_CODES = "ABCDEFGHJKLMNPRSTVWXY123456789"
"""The tenth characters of the model years 1980 to 2009; then they begin again."""

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
_EARLY = re.compile(r"(?=.*[0-9])[A-Z0-9]{5,13}", re.ASCII)


def fold_vin(text: str) -> str:
    """Return ``text`` in capitals, without the spaces and dashes that people put into a VIN."""
    return _SEPARATORS.sub("", text).upper()


def check_digit(vin: str) -> str:
    """Return the ninth character that the other sixteen ask for: a digit, or X for ten."""
    total = sum(VALUES[c] * weight for c, weight in zip(vin, WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def fits(vin: str) -> bool:
    """Whether ``vin`` is a whole one of 17 characters with the right check digit."""
    return len(vin) == LENGTH and VALUES.keys() >= set(vin) and vin[CHECK_PLACE] == check_digit(vin)


def trouble_of(vin: str, *, checked: bool) -> str | None:
    """Return what is wrong with a folded VIN and how to mend it; ``None``: nothing."""
    if _EARLY.fullmatch(vin):
        return None
    if len(vin) == LENGTH and (mistaken := sorted(set(vin) & set("IOQ"))):
        return f"no VIN has the letter {mistaken[0]} (the digits are 1 and 0)"
    if len(vin) != LENGTH or not VALUES.keys() >= set(vin):
        return "not a VIN (17 letters and digits; of a car made before 1981, 5 to 13)"
    if checked and not fits(vin):
        return "the check digit in the ninth place does not fit (a character is mistyped)"
    return None


def model_year(vin: str) -> int | None:
    """Return the model year that ``vin`` tells; ``None`` where it tells none that can be trusted.

    The tenth character comes round every thirty years; the seventh, which is a letter from 2010 on,
    says which time it is. That holds for cars and light trucks; a check digit that fits shows that
    the VIN is of the standard at all.
    """
    if not fits(vin) or vin[9] not in YEAR_CODES:
        return None
    year = 1980 + YEAR_CODES.index(vin[9]) + (0 if vin[6].isdigit() else 30)
    return year if year <= newest_model_year() else None


def newest_model_year() -> int:
    """Return the model year that dealers already sell: the next one."""
    return datetime.now(UTC).year + 1


def sold_already(year: int) -> None:
    """Raise ValidationError for a car that nobody can have yet; asked at every post."""
    if year > newest_model_year():
        raise ValidationError(f"later than the newest model year, {newest_model_year()}")


class Vin(fields.String):
    """A VIN in capitals and without separators."""

    def __init__(self, *, checked: bool, **options: Any) -> None:
        super().__init__(**options)
        self.checked = checked

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        vin = fold_vin(super()._deserialize(value, *args, **kwargs))
        if trouble := trouble_of(vin, checked=self.checked):
            raise ValidationError(trouble)
        return vin


class Mileage(WholeNumber):
    """Miles, with or without the commas and the unit that people write: ``84,000 miles``."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        # Whatever is longer is no mileage; the pattern would try long runs of spaces in turn.
        plain = (
            re.sub(r"\s*mi(les)?\.?$", "", value, flags=re.IGNORECASE) if len(value) < 20 else ""
        )
        if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", plain):
            plain = plain.replace(",", "")
        return super()._deserialize(plain or value, *args, **kwargs)


def car(prefix: str, group: str, *, checked: bool, alias: str = "") -> list[CustomField]:
    """Return the fields of one car: ``prefix`` begins their names, ``alias`` the old forms' own."""

    def field(name: str, kind: fields.Field, **facts: Any) -> CustomField:
        aliases = (f"{alias}{name}", *facts.pop("aliases", ()))
        return CustomField(f"{prefix}{name}", kind, aliases=aliases, group=group, **facts)

    return [
        field(
            "year",
            WholeNumber(least=1900, validate=sold_already),
            label="Year",
            help="Model year, from 1900; read from the VIN where it is not sent.",
            example="2003",
        ),
        field("make", Text(100), label="Make", help="Who made the car.", example="Honda"),
        field("model", Text(100), label="Model", help="The maker's name of it.", example="Accord"),
        field("trim", Text(100), label="Trim", help="Its equipment line.", example="EX-L"),
        field(
            "vin",
            Vin(checked=checked),
            label="VIN",
            help="Vehicle identification number: 17 letters and digits without I, O and Q; "
            "fewer for a car made before 1981. Spaces and dashes do not count.",
            example="1HGCM82633A004352",
        ),
    ]


@hookimpl
def gateway_custom_fields(settings: Any) -> list[CustomField]:
    """Return the car that is wanted, the car that is traded in, and the visit."""
    checked = settings.GATEWAY_REGION in CHECKED_REGIONS
    wanted, traded, visit = "Vehicle of interest", "Trade-in", "Visit"
    return [
        CustomField(
            "lead_type", Choice(LEAD_TYPES), label="Lead type", group=visit, example="Sales",
            help="What the person wants.", aliases=("leadtype", "department"),
        ),
        CustomField(
            "new_used", Choice(CONDITIONS, labels={"Certified": "Certified Pre-Owned"}),
            label="New or used", group=wanted, example="Used", help="Condition of the car.",
            aliases=("newused", "vehicle_condition", "vehicle_type"),
        ),
        *car("", wanted, checked=checked, alias="vehicle_"),
        CustomField(
            "stock_number", Text(50), label="Stock number", group=wanted, example="P1234A",
            help="The dealer's own number of the car.",
            aliases=("stocknumber", "stock_no", "stock", "vehicle_stock"),
        ),
        CustomField(
            "budget", Money(least=0), label="Budget", group=wanted, example="18500",
            help="What the person would pay, or the price that was shown.",
            aliases=("price", "max_price", "vehicle_price"),
        ),
        *car("trade_in_", traded, checked=checked, alias="trade_"),
        CustomField(
            "trade_in_mileage", Mileage(least=0, most=2_000_000), label="Mileage", group=traded,
            help="Miles that the car has run.", example="84000",
            aliases=("trade_mileage", "trade_in_odometer"),
        ),
        CustomField(
            "preferred_contact", Choice(CONTACTS, labels={"Phone": "Call", "Email": "E-mail"}),
            label="Preferred contact", group=visit, example="Text",
            help="How the person wants to be answered.",
            aliases=("contact_method", "preferred_contact_method"),
        ),
        CustomField(
            "test_drive_date", DateOnly(), label="Test drive", group=visit, example="2030-05-17",
            help="Day on which the person would like to drive the car.",
            aliases=("testdrive_date", "appointment_date"),
        ),
    ]  # fmt: skip


@hookimpl
def gateway_match_rules(settings: Any) -> list[MatchRule]:
    """Return ``match_vin``, which never takes two people who ask for one car for the same.

    A VIN of interest is the dealer's car, and many ask for it: it counts only together with a name,
    a phone or an e-mail address. A trade-in is the person's own car and is enough, unless the two
    have different names and no phone or e-mail address in common: cars are sold on. A number of
    before 1981 is unique for its maker only, so it is never enough alone.
    """
    region = settings.GATEWAY_REGION
    junk = normal.junk_values(settings.GATEWAY_JUNK_VALUES, region)

    def contacts(lead: Lead) -> set[str]:
        phones = {normal.phone_key(lead.get(name) or "", region) for name in ("phone", "cell")}
        # Mail servers may tell Ann from ann; two of them who want one car are one person.
        email = (normal.email_key(lead.get("email") or "") or "").casefold()
        found = {each for each in phones if each and not junk.is_junk_phone(each)}
        return found | ({email} if email and not junk.is_junk_email(email) else set())

    def keys(lead: Lead) -> Iterator[str]:
        known = [each for each in (name_of(lead), *sorted(contacts(lead))) if each]
        for field in ("vin", "trade_in_vin"):
            vin = vin_of(lead, field)
            if vin:
                yield from (f"{field}|{vin}|{each}" for each in known)
            if len(vin) == LENGTH and field == "trade_in_vin":
                yield f"{field}|{vin}"

    def same_person(new: Lead, old: Lead) -> bool:
        return not names_differ(new, old) or not contacts(new).isdisjoint(contacts(old))

    text = "The same trade-in, or the same VIN with the same name, phone or e-mail address."
    return [MatchRule("match_vin", keys, confirm=same_person, help=text)]


def vin_of(lead: Lead, name: str) -> str:
    """Return the VIN in that field; "" where it is missing, or one character over and over."""
    vin = fold_vin(lead.get(name) or "")
    return vin if len(set(vin)) > 1 else ""


def name_of(lead: Lead) -> str | None:
    """Return the normal form of the person's whole name, ``None`` where a part is missing."""
    return normal.name_key(lead.get("first_name") or "", lead.get("last_name") or "")


def names_differ(new: Lead, old: Lead) -> bool:
    """Whether both have a whole name and it is not the same, or a Jr stands against a Sr."""
    names = {name_of(new), name_of(old)} - {None}
    suffixes = {
        normal.generation(each.get("first_name") or "", each.get("last_name") or "")
        for each in (new, old)
    } - {""}
    return len(names) > 1 or len(suffixes) > 1


@hookimpl
def gateway_before_store(
    changes: MutableMapping[str, Any], lead: Lead | None, caller: Caller
) -> None:
    """Fill a model year that neither the post nor the stored lead has from the VIN beside it."""
    for prefix in ("", "trade_in_"):
        vin, name = changes.get(f"{prefix}vin"), f"{prefix}year"
        if vin and name not in changes and not (lead or {}).get(name) and (year := model_year(vin)):
            changes[name] = year


@hookimpl
def gateway_commands(settings: Any) -> list[Command]:
    """Return ``vin_check``: a form asks it about a VIN while the person is still there."""
    checked = settings.GATEWAY_REGION in CHECKED_REGIONS

    def vin_check(call: Call, system: System, caller: Caller) -> Reply:
        sent = call.form.get("vin", "")
        last = sent[-1] if isinstance(sent, tuple) else sent
        vin = fold_vin(last) if isinstance(last, str) else ""
        if not vin:
            raise Refused("vin: missing (one VIN)", field="vin", code="required")
        if trouble := trouble_of(vin, checked=checked):
            raise Refused(f"vin: {trouble}", field="vin", code="invalid")
        year = model_year(vin)
        return Reply(status=0, status_message=f"VIN {vin}" + (f", model year {year}" * bool(year)))

    return [Command("vin_check", vin_check, help="Says whether a VIN is right, and its year.")]
