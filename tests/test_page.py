"""The documentation page says what the running system takes, and is safe to show."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from marshmallow import fields, validate

from gateway import CustomField, MatchRule
from gateway.commands import COMMANDS
from gateway.errors import CODES
from tests.pages import BROWSER, CURL, ask, make_system, text


def test_index_lists_every_command_with_its_help() -> None:
    shown = text(make_system())
    assert [c for c in COMMANDS if c.name not in shown or c.help not in shown] == []


@pytest.mark.parametrize("accept", [CURL, BROWSER])
def test_command_page_names_every_field_in_order_and_every_code(accept: str) -> None:
    system = make_system()
    shown = text(system, "lead_set", accept=accept)
    table = shown[shown.index("Every call") :]
    pattern = (
        r"<tr id=\"(\w+)\">" if accept == BROWSER else r"^  ([a-z]\w*) +[A-Z][^\n]*\n\n?      "
    )
    names = re.findall(pattern, table, re.MULTILINE)
    assert [name for name in names if name in system.schema.fields] == list(system.schema.fields)
    assert [code for code in CODES if code not in shown] == []


def test_only_mode_is_required_of_the_fields() -> None:
    shown = text(make_system(), "lead_set", accept=BROWSER)
    rows = re.findall(r'<tr id="(\w+)">.*?</tr>', shown, re.DOTALL)
    required = re.findall(r'<tr id="(\w+)">(?:(?!</tr>).)*class="required"', shown, re.DOTALL)
    assert len(rows) > 44
    assert required == ["command", "mode"]


def test_own_fields_stand_under_other_custom_fields_by_group() -> None:
    system = make_system(
        CustomField(
            "roof",
            fields.String(validate=[validate.OneOf(["tile", "slate"])]),
            label="Roof",
            help="Kind of roof.",
            example="tile",
            group="House",
            aliases=("roof_type",),
        ),
        CustomField("floors", fields.List(fields.Integer()), help="Floors."),
        CustomField("vin", fields.String(validate=validate.Length(max=17)), help="Chassis."),
    )
    shown = text(system, "lead_set")
    assert "OTHER_CUSTOM_FIELDS: House" in shown
    assert re.search(r"roof +String, e\.g\. tile", shown)
    assert "Kind of roof. One of: tile, slate. Also known as roof_type." in shown
    assert re.search(r"floors +List of Integer", shown)
    assert re.search(r"vin +String \(17\)", shown)
    assert "'roof=tile'" not in shown, "the shell needs no quotes here"
    assert "--data-urlencode roof=tile" in shown


def test_system_without_own_fields_says_so() -> None:
    assert re.search(r"OTHER_CUSTOM_FIELDS\n-+\n.*\n\n  None\.\n", text(make_system(), "lead_set"))


def test_match_rules_of_the_system_are_flags_on_the_page() -> None:
    rule = MatchRule("match_vin", lambda lead: (), help="The same chassis number.")
    shown = text(make_system(rules=(rule,)), "lead_set")
    assert re.search(r"match_vin +Flag, e\.g\. 1\s+The same chassis number\.", shown)


def test_another_command_has_no_fields_of_leads() -> None:
    system = make_system()
    other = replace(COMMANDS[0], name="ping", help="Answers.")
    shown = text(replace(system, commands={"ping": other}), "ping")
    assert "command=ping" in shown
    assert "full_name" not in shown


@pytest.mark.parametrize("accept", [CURL, BROWSER])
def test_unknown_command_is_404_and_names_the_known_ones(accept: str) -> None:
    found = ask(make_system(), "<script>\x1b[31m", accept=accept)
    assert found.http_status == 404
    assert b"lead_set" in found.body
    assert b"script" not in found.body
    assert b"\x1b" not in found.body


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (BROWSER, "text/html"),
        ("TEXT/HTML", "text/html"),
        ("application/xhtml+xml", "text/html"),
        ("text/html;q=0.5", "text/html"),
        ("", "text/plain"),
        (CURL, "text/plain"),
        ("text/plain, text/html;q=0", "text/plain"),
        ("text/html; q=0.000", "text/plain"),
        ("application/json", "text/plain"),
    ],
)
def test_browser_gets_html_and_everybody_else_text(accept: str, kind: str) -> None:
    assert ask(make_system(), accept=accept).content_type == f"{kind}; charset=utf-8"


def test_what_a_plugin_says_is_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    system = make_system(
        CustomField(
            "x", fields.String(), label=hostile, help=hostile, example=hostile, group=hostile
        ),
        GATEWAY_DOCS_URL=f"https://example.com/{hostile}",
    )
    shown = text(system, "lead_set", accept=BROWSER)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


class Tags(HTMLParser):
    """Collects what is open, and what a page would load."""

    VOID = frozenset({"meta", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.loaded += [tag] if tag in ("script", "link", "img", "iframe", "object") else []
        self.loaded += [name for name, _ in attributes if name in ("src", "style", "onclick")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("show", [None, "lead_set", "nothing"])
def test_html_is_whole_and_loads_nothing(show: str | None) -> None:
    found = ask(make_system(), show, accept=BROWSER)
    tags = Tags()
    tags.feed(found.body.decode())
    assert (tags.open, tags.loaded) == ([], [])
    style = re.search(r"<style>(.*?)</style>", found.body.decode(), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = found.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
