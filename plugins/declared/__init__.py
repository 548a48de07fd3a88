"""Fields and match rules without Python: declared in the TOML file GATEWAY_FIELDS_FILE.

docs/fields_file.md is the page for whoever writes the file. ``file`` finds lines, ``kinds`` makes
fields of types, ``rules`` makes match rules; here the tables of the file become both. Whatever is
wrong stops the start in one message: file, line, reason, remedy.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway import Alias, CustomField, MatchRule, hookimpl, normal, schema
from plugins.declared import rules
from plugins.declared.file import FieldsFile, Place, did_you_mean
from plugins.declared.kinds import (
    KEYS,
    KINDS,
    OF_EVERY_TYPE,
    Entry,
    Wrong,
    as_text,
    example_of,
    help_of,
    is_plain,
    is_texts,
    read,
    why_not,
)


class Declared(NamedTuple):
    """What a file declares."""

    fields: list[CustomField | Alias]
    rules: list[MatchRule]


@hookimpl
def gateway_custom_fields(settings: Any) -> list[CustomField | Alias]:
    """Return the fields of the file, and its aliases for documented ones."""
    return declared(settings).fields


@hookimpl
def gateway_match_rules(settings: Any) -> list[MatchRule]:
    """Return the match rules of the file."""
    return declared(settings).rules


def declared(settings: Any) -> Declared:
    """Return what the file of ``settings`` declares, nothing where there is none.

    Raises BadPlugin that names every mistake in it.
    """
    if not settings.GATEWAY_FIELDS_FILE:
        return Declared([], [])
    reader = _Reader(FieldsFile(settings.GATEWAY_FIELDS_FILE), settings)
    found = Declared([*reader.fields(), *reader.aliases()], reader.rules())
    reader.file.check()
    return found


_TABLES = ("fields", "aliases", "rules")


class _Reader:
    """Reads one file, table by table; mistakes go to the file, and what has one is left out."""

    def __init__(self, file: FieldsFile, settings: Any) -> None:
        self.file, self._settings = file, settings
        self._zone = ZoneInfo(settings.GATEWAY_TIMEZONE)
        self._names: dict[str, str] = {}
        self._made: dict[str, CustomField] = {}
        for name in file.table.keys() - set(_TABLES):
            self.file.mistake(
                (name,),
                f"there is no table {name!r}; write [fields.{name}] for a field"
                if isinstance(file.table[name], dict)
                else f"{name!r} belongs below a line such as [fields.policy_number] or [rules]",
            )

    def _table(self, name: str) -> Mapping[str, Any]:
        table = self.file.table.get(name, {})
        if isinstance(table, dict):
            return table
        self.file.mistake((name,), f"{name} must be a table: write [{name}] on a line of its own")
        return {}

    def _entries(self) -> Mapping[str, Any]:
        return self._table("fields")

    def _claim(self, name: str, place: Place) -> bool:
        """Whether ``name`` may be used, once in the file."""
        reason = schema.why_no_name(name)
        if not reason and name in self._names:
            reason = (
                f"the name {name!r} is already {self._names[name]} in this file; choose another"
            )
        if reason:
            self.file.mistake(place, reason)
            return False
        self._names[name] = f"a name of {'.'.join(place[:2])}"
        return True

    def fields(self) -> list[CustomField]:
        """Return the fields of ``[fields.NAME]`` in the order of the file."""
        for name, entry in self._entries().items():
            place = ("fields", name)
            if self._claim(name, place) and self._is_field(entry, place):
                self._make(name, entry, place)
        return [self._with_condition(each) for each in self._made.values()]

    def _is_field(self, entry: Any, place: Place) -> bool:
        if not isinstance(entry, dict):
            reason = f"must be a table: write [{'.'.join(place)}] on a line of its own"
        elif "type" not in entry:
            reason = f'needs a line type = "…"; there is {", ".join(KINDS)}'
        elif not isinstance(entry["type"], str) or entry["type"] not in KINDS:
            place = (*place, "type")
            reason = (
                f"there is no type {entry['type']!r}; {did_you_mean(str(entry['type']), KINDS)}"
            )
        else:
            return self._has_good_keys(entry, place)
        self.file.mistake(place, f"{place[1]}: {reason}")
        return False

    def _has_good_keys(self, entry: Entry, place: Place) -> bool:
        mine = OF_EVERY_TYPE | KINDS[entry["type"]].keys
        wrong = {}
        for key, value in entry.items():
            if key not in KEYS:
                wrong[key] = f"there is no key {key!r}; {did_you_mean(key, sorted(mine))}"
            elif key not in mine:
                having = ", ".join(name for name, kind in KINDS.items() if key in kind.keys)
                wrong[key] = f"{key} is for type {having}, not for {entry['type']}; take it out"
            elif not KEYS[key][0](value):
                wrong[key] = f"{key} must be {KEYS[key][1]}"
        for key, reason in wrong.items():
            self.file.mistake((*place, key), f"{place[1]}: {reason}")
        return not wrong

    def _make(self, name: str, entry: Entry, place: Place) -> None:
        kind = KINDS[entry["type"]]
        try:
            field = kind.make(entry, self._zone, {})
            options: dict[str, Any] = {}
            example = as_text(entry.get("example", example_of(entry)))
            if reason := why_not(field, example, several=kind.several):
                raise Wrong("example", f"is not taken by the field itself: {reason}")
            if "default" in entry:
                if entry.get("required"):
                    raise Wrong("default", "has no use beside required = true; take one out")
                if reason := why_not(field, entry["default"], several=kind.several):
                    raise Wrong("default", f"is not taken by the field itself: {reason}")
                options["load_default"] = read(field, entry["default"], several=kind.several)
            elif entry.get("required"):
                options["required"] = True
            field = kind.make(entry, self._zone, options)
        except Wrong as wrong:
            self.file.mistake((*place, wrong.key), f"{name}: {wrong.key} {wrong.reason}")
            return
        aliases = [each for each in entry.get("alias", []) if self._claim(each, (*place, "alias"))]
        self._made[name] = CustomField(
            name,
            field,
            label=entry.get("label", name.replace("_", " ").capitalize()),
            help=entry.get("help", help_of(entry)),
            example=example,
            group=entry.get("group", ""),
            sensitive=entry.get("sensitive", False),
            aliases=tuple(aliases),
        )

    def _with_condition(self, field: CustomField) -> CustomField:
        """Return the field with its ``required_if``, now that the other fields are known."""
        entry = self._entries()[field.name]
        wanted: dict[str, list[Any]] = {}
        for name, values in entry.get("required_if", {}).items():
            try:
                if values == []:
                    raise Wrong("required_if", f"names no value of {name}, so it never asks")
                wanted[name] = [
                    self._condition(field.name, name, value)
                    for value in (values if isinstance(values, list) else [values])
                ]
            except Wrong as wrong:
                place = ("fields", field.name, wrong.key)
                self.file.mistake(place, f"{field.name}: {wrong.key} {wrong.reason}")
        if not wanted:
            return field
        return replace(
            field,
            required_if=lambda values: all(
                _is_one(values.get(name), these) for name, these in wanted.items()
            ),
        )

    def _condition(self, here: str, name: str, value: Any) -> Any:
        """Return what field ``name`` must be, typed. Raises Wrong."""
        if not is_plain(value):
            raise Wrong("required_if", 'must be such as { insurance_type = "Auto" }')
        if name in rules.MATCHABLE:
            return as_text(value)
        if name == here or name not in self._entries():
            known = [each for each in (*self._entries(), *sorted(rules.MATCHABLE)) if each != here]
            raise Wrong(
                "required_if", f"names {name!r}, no other field; {did_you_mean(name, known)}"
            )
        if name not in self._made:
            return None  # it has a mistake of its own
        several = KINDS[self._entries()[name]["type"]].several
        if reason := why_not(self._made[name].field, value, several=several):
            raise Wrong("required_if", f"asks for a value that {name} does not take: {reason}")
        typed = read(self._made[name].field, value, several=several)
        return typed[0] if several else typed

    def aliases(self) -> list[Alias]:
        """Return the other names of documented fields in ``[aliases]``."""
        found = []
        for name, target in self._table("aliases").items():
            place = ("aliases", name)
            if not self._claim(name, place):
                continue
            if not isinstance(target, str):
                reason = 'must be the name of a documented field, such as "cell"'
            elif target in self._entries():
                reason = f'write alias = ["{name}"] below [fields.{target}]'
            elif not schema.may_have_alias(target):
                known = sorted(filter(schema.may_have_alias, schema.DOCUMENTED))
                reason = f"{target!r} is no field that may have another name; "
                reason += did_you_mean(target, known)
            else:
                found.append(Alias(name, target))
                continue
            self.file.mistake(place, f"{name}: {reason}")
        return found

    def rules(self) -> list[MatchRule]:
        """Return the rules of ``[rules]``, in the order of the file."""
        forms = rules.forms(self._settings)
        found = []
        for name, texts in self._table("rules").items():
            place = ("rules", name)
            if not self._claim(name, place):
                continue
            if not is_texts(texts) or not texts:
                reason = (
                    'must be a list of texts, such as ["policy_number:digits", "last_name:name"]'
                )
                self.file.mistake(place, f"{name}: {reason}")
                continue
            parts = [_part(text) for text in texts]
            reasons = [rules.why_no_part(field, form, self._entries()) for field, form in parts]
            if len({field for field, _ in parts}) < len(parts):
                reasons.append("names a field twice; once is enough")
            if not any(reasons):
                found.append(rules.rule(name, parts, forms))
            for reason in filter(None, reasons):
                self.file.mistake(place, f"{name}: {reason}")
        return found


def _part(text: str) -> rules.Part:
    field, _, form = text.partition(":")
    return field.strip(), form.strip()


def _is_one(value: Any, wanted: list[Any]) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return any(_is_one(each, wanted) for each in value)
    if isinstance(value, str):
        folded = [normal.fold_label(each) for each in wanted if isinstance(each, str)]
        return normal.fold_label(value) in folded
    return value is not None and value in wanted
