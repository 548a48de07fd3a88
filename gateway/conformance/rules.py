"""What a plugin's match rules must keep to: pure functions from a lead's values to texts."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from gateway.conformance.fields import read
from gateway.conformance.trouble import Trouble, said
from gateway.contract import MatchRule
from gateway.matching import keys_of
from gateway.schema import LeadSchema
from gateway.schema.reading import EMPTY
from gateway.store.keys import values_of
from gateway.store.planning import columns

# Rows that this system does not have, and what finds a lead or stays outside the rules.
_NOT_OF_A_PERSON = frozenset(
    """mode lead_id external_id ownerID pool custom_status status notes note tags tag_append
    admin_notes_append admin_notes_send admin_notes_set upload_file_name upload_file_contents
    """.split()
)
ODD_TEXTS = ("", " ", "x" * 100_000, "Ünïcödé 日本語 😀 İ ß ﬁ", "O'Neil-Smith, Jr.", "%", "\\", "0")
ODD_NUMBERS = (0, -1, 2**62, 1e300)

Lead = Mapping[str, Any]
Spelling = Callable[[str], str]
SPELLINGS: Mapping[str, Spelling] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "spaces around it": lambda text: f"  {text}  ",
    "double spaces": lambda text: text.replace(" ", "  "),
}


def rule_troubles(plugin: str, rule: MatchRule, schema: LeadSchema) -> list[Trouble]:
    """Return what is wrong with one rule of the plugin."""
    found: dict[Trouble, None] = {}

    def trouble(what: str, mend: str) -> None:
        found[Trouble(plugin, rule.name, what, mend)] = None

    if not rule.help.strip():
        found[Trouble.no_help(plugin, rule.name)] = None
    asked = _Asked(rule, trouble)
    example = example_lead(schema)
    _check_purity(asked, example)
    _check_silence(asked, example)
    _check_odd_values(asked, example)
    if not rule.exact:
        _check_spelling(asked, schema, example)
    _check_sensitive(asked, schema, example)
    if rule.confirm is not None:
        _check_confirm(asked, example)
    return list(found)


def example_lead(schema: LeadSchema, spelling: Spelling | None = None, only: str = "") -> Lead:
    """Return the lead of every field's example as rules see it; ``only`` one spelled otherwise."""
    changes: dict[str, Any] = {}
    for name, field in schema.fields.items():
        if name in _NOT_OF_A_PERSON or name in schema.flags or not field.example:
            continue
        text = spelling(field.example) if spelling and name == only else field.example
        # A bad example is the field's own trouble, and told as such.
        with suppress(Exception):
            value = read(name, text, schema)
            if value is not EMPTY:
                changes[schema.readers[name].target] = value
    return values_of(columns(changes, schema, {}))


class _Asked:
    """One rule, asked safely: what it raises and gives wrong becomes a trouble."""

    def __init__(self, rule: MatchRule, trouble: Callable[[str, str], None]) -> None:
        self.rule, self.trouble = rule, trouble

    def __call__(self, lead: Lead, about: str) -> frozenset[bytes] | None:
        """Return the digests of ``lead``, ``None`` where there is trouble with it."""
        try:
            return frozenset(keys_of(lead, [self.rule]))
        except Exception as error:
            mend = "give a list of texts, an empty one where a part is missing"
            self.trouble(f"fails at {about}: {said(error)}", mend)
            return None


def _check_purity(asked: _Asked, example: Lead) -> None:
    given = dict(deepcopy(example))
    first = asked(given, "the examples of all fields")
    if first is None:
        return
    if given != example:
        asked.trouble("alters the lead that it is given", "work on values of its own")
    second, fresh = (asked(deepcopy(example), "the same lead again") for _ in range(2))
    if not first == second == fresh:
        asked.trouble(
            "gives other keys for the same lead when asked again",
            "make keys of the lead's values only: no counter, no clock, no state",
        )
    elif not first:
        asked.trouble(
            "gives no key for a lead with the examples of all fields, so it cannot be tested",
            "give its fields examples that make a key",
        )
    asked(MappingProxyType(dict(example)), "a lead that cannot be altered")


def _check_silence(asked: _Asked, example: Lead) -> None:
    for lead, about in (({}, "an empty lead"), (dict.fromkeys(example), "a lead of None values")):
        if asked(lead, about):
            asked.trouble(
                f"gives a key for {about}, which would glue strangers together",
                "give none where a part is missing",
            )


def _check_odd_values(asked: _Asked, example: Lead) -> None:
    for name, value in example.items():
        asked({key: each for key, each in example.items() if key != name}, f"a lead without {name}")
        asked({**example, name: None}, f"a lead whose {name} is None")
        for odd in _odd(value):
            if asked({**example, name: odd}, f"an odd {name}") is None:
                break


def _odd(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        return ODD_TEXTS
    if isinstance(value, list):
        return ([], *([odd] for odd in ODD_TEXTS))
    return ODD_NUMBERS if isinstance(value, int | float) and not isinstance(value, bool) else ()


def _check_spelling(asked: _Asked, schema: LeadSchema, example: Lead) -> None:
    """Post every example in another spelling: where its field takes it, the keys are the same."""
    wanted = asked(example, "the examples of all fields")
    for name in example if wanted else ():
        if name not in schema.fields or not isinstance(example[name], str):
            continue
        for about, spelling in SPELLINGS.items():
            other = example_lead(schema, spelling, only=name)
            if name not in other:
                continue  # its field does not take it so, so no rule ever sees it
            keys = asked(other, f"{name} in {about}")
            if keys is not None and keys != wanted:
                asked.trouble(
                    f"gives other keys for {name} in {about}",
                    "fold case and spaces, or mark the rule exact=True",
                )


def _check_sensitive(asked: _Asked, schema: LeadSchema, example: Lead) -> None:
    sensitive = [name for name, field in schema.fields.items() if field.sensitive]
    for name in sensitive:
        others = ({**example, name: None}, {**example, name: "Another 42"})
        keys = {asked(lead, f"another {name}") for lead in (example, *others)} - {None}
        if len(keys) > 1:
            asked.trouble(
                f"makes keys of {name}, which is sensitive; keys are stored",
                "leave it out, or compare it in confirm",
            )


def _check_confirm(asked: _Asked, example: Lead) -> None:
    leads = [MappingProxyType(each) for each in ({}, dict.fromkeys(example), dict(example))]
    for new in leads:
        for old in leads:
            try:
                answer = asked.rule.confirm and asked.rule.confirm(new, old)
            except Exception as error:
                asked.trouble(
                    f"confirm fails where values are missing: {said(error)}",
                    "ask by lead.get(name), and alter nothing",
                )
                return
            if not isinstance(answer, bool):
                asked.trouble(
                    f"confirm returns {type(answer).__name__}, not True or False",
                    "return a bool",
                )
                return
