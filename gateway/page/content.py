"""What stands on the page of one command: parameters, a call to copy, the answers."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from marshmallow import fields, missing
from marshmallow.validate import Length, OneOf

from gateway import repeats
from gateway.contract import Command, CustomField, Reply, System
from gateway.errors import AuthenticationFailed, Problem
from gateway.formats import Flag
from gateway.respond import as_json, as_pairs
from gateway.schema import parse

LEAD_SET = "lead_set"
"""The one command whose parameters are the fields of a lead."""

SAMPLE_FIELDS = ("mode", "full_name", "email", "phone", "city", "state", "zip", "tags", "note")
"""The documented fields of the sample call: it must succeed on any system as it stands, so there is
none that names a row or a lead."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table."""

    name: str
    type: str
    text: str
    example: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table of parameters, under its title."""

    title: str
    about: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer in both forms."""

    title: str
    pairs: str
    json: str


@dataclass(frozen=True, slots=True)
class Page:
    """The page of one command."""

    command: Command
    sections: tuple[Section, ...]
    call: str
    samples: tuple[Sample, ...]


FLAG = Flag.wire_type

_STEERING = (
    Parameter(
        "idempotency_key",
        f"String ({repeats.LONGEST_KEY})",
        "A text of your own that no other post has. Sent again with the same fields, the first "
        "answer is given again for 24 hours and nothing is done twice. Also as the header "
        "Idempotency-Key.",
        "5f0c1e9a-order-4711",
    ),
)
"""What only the command about leads takes."""

LOGIN = {"ai_login_id": "YOUR_LOGIN", "ai_login_password": "YOUR_PASSWORD"}
"""What stands in the sample for the two that we must not print."""


def command_page(system: System, command: Command) -> Page:
    """Return the page of ``command``; that of lead_set has every field of this system."""
    refused = _refusal(AuthenticationFailed().problems[0])
    if command.name != LEAD_SET:
        sections = (_every_call(command.name),)
        return Page(command, sections, _call(system, command.name, ()), (refused,))
    fields_to_show = [
        *(system.schema.fields[name] for name in SAMPLE_FIELDS),
        *(field for field in _custom(system) if field.example),
    ]
    done = Reply(
        status=0,
        status_message="Lead Creation Successful",
        lead_id=system.settings.GATEWAY_FIRST_LEAD_ID,
    )
    # Asked of the schema itself: what a form without anything in it is told.
    without_mode = _refusal(parse({}, system.schema).rejected[0].problem)
    return Page(
        command,
        (_every_call(command.name), *_lead_sections(system)),
        _call(system, command.name, fields_to_show),
        (_sample("Success", done), without_mode, refused),
    )


def _every_call(command: str) -> Section:
    return Section(
        "Every call",
        "What to do, and who asks. The login may come as HTTP Basic as well, a site token as "
        "Authorization: Bearer.",
        (
            Parameter("command", "String", "What to do.", command, required=True),
            Parameter("ai_login_id", "String", "The id of the login.", LOGIN["ai_login_id"]),
            Parameter("ai_login_password", "String", "Its password.", LOGIN["ai_login_password"]),
            Parameter("ai_sitecom_token", "String", "A site token, in place of id and password."),
            Parameter("dry_run", FLAG, "Decide everything and store nothing.", "1"),
            *(_STEERING if command == LEAD_SET else ()),
        ),
    )


def _lead_sections(system: System) -> Iterator[Section]:
    schema = system.schema
    documented = [field for name, field in schema.fields.items() if name in schema.documented]
    custom = _custom(system)
    siblings = [
        field
        for name, field in schema.fields.items()
        if name not in schema.documented | schema.custom
    ]
    yield _section("Fields", "Only what is sent is stored or changed.", documented)
    yield _section(
        "Further fields",
        "Known from other commands of the old interface; they work here too.",
        siblings,
    )
    about = "Fields that this system has beside the documented ones."
    for group in dict.fromkeys(field.group for field in custom) or ("",):
        title = f"OTHER_CUSTOM_FIELDS: {group}" if group else "OTHER_CUSTOM_FIELDS"
        yield _section(title, about, [field for field in custom if field.group == group])
    rules = [rule for name, rule in system.match_rules.items() if name not in schema.fields]
    if rules:
        yield Section(
            "Match rules of this system",
            "Ways to find a lead that is there already, beside the documented two; each counts "
            "only together with match_update=1.",
            tuple(Parameter(rule.name, FLAG, rule.help, "1") for rule in rules),
        )


def _section(title: str, about: str, shown: Iterable[CustomField]) -> Section:
    return Section(title, about, tuple(map(_parameter, shown)))


def _custom(system: System) -> list[CustomField]:
    return [field for name, field in system.schema.fields.items() if name in system.schema.custom]


def _parameter(field: CustomField) -> Parameter:
    parts = [
        field.help or field.label,
        choices_text(field.field),
        f"Otherwise {default_text(field.field)}." if default_text(field.field) else "",
        "Required in some cases." if field.required_if else "",
        f"Also known as {', '.join(field.aliases)}." if field.aliases else "",
    ]
    return Parameter(
        name=field.name,
        type=wire_type(field.field),
        text=" ".join(part for part in parts if part),
        example=field.example,
        required=field.name == "mode" or field.field.required,
    )


def wire_type(field: fields.Field) -> str:
    """Return what a caller reads as the field's type: its own word, else the name of its class.

    A text says how many characters it holds.
    """
    name: str = getattr(field, "wire_type", "") or type(field).__name__
    if isinstance(field, fields.List):
        return f"{name} of {wire_type(field.inner)}"
    limits = (each.max for each in field.validators if isinstance(each, Length))
    longest = getattr(field, "length", None) or next(limits, None)
    if longest and isinstance(field, fields.String):
        return f"{name} ({longest:,})"
    return name


def choices_text(field: fields.Field) -> str:
    """Return the sentence that names the choices, with what each means; empty without any."""
    labels = getattr(field, "labels", {})
    shown = [f"{each} ({labels[each]})" if each in labels else each for each in choices(field)]
    several = isinstance(field, fields.List) or getattr(field, "many", False)
    return f"{'Any' if several else 'One'} of: {', '.join(shown)}." if shown else ""


def default_text(field: fields.Field) -> str:
    """Return what is stored of a new lead without the field; empty where nothing fixed is."""
    value = field.load_default
    if value is missing or value is None or callable(value):
        return ""
    dumped = field.serialize("value", {"value": value})
    return ", ".join(map(str, dumped)) if isinstance(dumped, list) else str(dumped)


def choices(field: fields.Field) -> list[str]:
    """Return the values that the field is limited to; none where it is not."""
    if isinstance(field, fields.List):
        return choices(field.inner)
    if offered := getattr(field, "choices", ()):
        return list(offered)
    return [
        str(choice)
        for validator in field.validators
        if isinstance(validator, OneOf)
        for choice in validator.choices
    ]


def _call(system: System, command: str, fields_to_show: Iterable[CustomField]) -> str:
    """Return a curl call that a shell takes as it stands, whatever the examples hold."""
    pairs = {"command": command} | LOGIN
    pairs |= {field.name: field.example for field in fields_to_show}
    lines = [f"curl {shlex.quote(system.settings.GATEWAY_DOCS_URL)}"]
    lines += [f"--data-urlencode {shlex.quote(f'{name}={text}')}" for name, text in pairs.items()]
    return " \\\n  ".join(lines)


def _refusal(problem: Problem) -> Sample:
    reply = Reply(status=1, status_message=problem.message, problems=(problem,))
    return _sample(f"Refused ({problem.code})", reply)


def _sample(title: str, reply: Reply) -> Sample:
    return Sample(title, as_pairs(reply), as_json(reply))
