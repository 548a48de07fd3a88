"""The documentation page: made from the running system, safe to show, and its sample works."""

import base64
import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from marshmallow import fields, validate
from sqlalchemy import create_engine

import config
from gateway import CustomField, MatchRule
from gateway.commands import COMMANDS
from gateway.contract import Answer, System
from gateway.errors import CODES
from gateway.page import answer
from gateway.page.rows import SHOWN_AT_MOST
from gateway.registry import load
from gateway.schema import build
from gateway.testing import Gateway
from gateway.testing.client import basic

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CURL = "*/*"
ROWS = {
    "statuses": [{"label": "Fresh & new", "id": 7}],
    "custom_statuses": ["Called <twice>"],
    "pools": ["North pool"],
}


def make_system(
    *custom: CustomField, rules: tuple[MatchRule, ...] = (), **values: object
) -> System:
    settings = config.settings(DATABASE_URL="sqlite://", **values)
    system = load(settings, create_engine(settings.DATABASE_URL), COMMANDS)
    return replace(
        system,
        schema=build(custom, [rule.name for rule in rules], settings),
        match_rules={rule.name: rule for rule in rules},
    )


def ask(
    system: System,
    show: str | None = None,
    *,
    accept: str = CURL,
    authorization: str = "",
    ask_login: bool = False,
) -> Answer:
    return answer(
        system, show=show, accept=accept, authorization=authorization, ask_login=ask_login
    )


def text(system: System, show: str | None = None, **asked: str) -> str:
    return ask(system, show, **asked).body.decode()


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


def test_docs_off_is_404() -> None:
    found = ask(make_system(GATEWAY_DOCS="off"), "lead_set")
    assert (found.http_status, found.body) == (404, b"This system has no documentation page.\n")


def test_docs_for_logins_ask_for_one(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(
        GATEWAY_DOCS="login",
        logins=[
            {"name": "web", "password": "secret"},
            {"name": "gone", "password": "secret", "retired": True},
        ],
    )
    for header in ("", basic("web", "wrong"), basic("gone", "secret"), "Basic ?", "Bearer x"):
        found = ask(gateway.system, "lead_set", authorization=header)
        assert found.http_status == 401
        assert found.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert b"full_name" not in found.body
    assert ask(gateway.system, authorization=basic("web", "secret")).http_status == 200


def test_login_sees_the_rows_that_posts_may_name(make_gateway: Callable[..., Gateway]) -> None:
    system = make_gateway(setup=ROWS).system
    known = basic("web", "secret")
    shown = text(system, "lead_set", authorization=known)
    assert re.search(r"Statuses\n-+\n.*\n\n  7 +Fresh & new\n", shown)
    assert re.search(r"Custom statuses\n-+\n.*\n\n  \d+ +Called <twice>\n", shown)
    assert re.search(r"Pools\n-+\n.*\n\n  \d+ +North pool\n", shown)
    html = text(system, accept=BROWSER, authorization=known)
    assert "<td>Called &lt;twice&gt;</td>" in html
    assert ask(system, authorization=known).headers["Cache-Control"] == "no-store"


def test_public_page_has_no_rows_but_asks_for_a_login_when_told_to(
    make_gateway: Callable[..., Gateway],
) -> None:
    # An open system takes anybody's posts, but nobody is logged in by that.
    system = make_gateway(setup=ROWS, GATEWAY_ALLOW_ANONYMOUS=True).system
    for header in ("", basic("web", "wrong"), basic("nobody", "x"), "Digest x"):
        found = ask(system, "lead_set", authorization=header)
        assert found.http_status == 200
        assert b"North pool" not in found.body
        assert ask(system, authorization=header, ask_login=True).http_status == 401
    found = ask(system, authorization=basic("web", "secret"), ask_login=True)
    assert found.http_status == 200
    assert b"North pool" in found.body


def test_long_lists_of_rows_are_cut_and_say_so(make_gateway: Callable[..., Gateway]) -> None:
    pools = [f"pool {number}" for number in range(SHOWN_AT_MOST + 1)]
    system = make_gateway(setup={"pools": pools}).system
    shown = text(system, authorization=basic("web", "secret"))
    assert len(re.findall(r"^  \d+ +pool \d+$", shown, re.MULTILINE)) == SHOWN_AT_MOST
    assert "There are more than these." in shown


def test_page_is_served_over_http_and_never_shows_host_or_login(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(GATEWAY_DOCS_URL="https://leads.example.com/service")
    for accept in (CURL, BROWSER):
        found = gateway.post(
            b"",
            method="GET",
            query="show=lead_set",
            headers={"Host": "evil.example", "Accept": accept},
        )
        assert found.http_status == 200
        assert b"https://leads.example.com/service" in found.body
        assert b"evil.example" not in found.body
        assert b"secret" not in found.body
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Vary"] == "Accept, Authorization"
    asked = gateway.post(b"", method="GET", query="show=lead_set&login=1", anonymous=True)
    assert asked.http_status == 401
    assert gateway.post(b"", method="GET", query="show=nothing").http_status == 404


def test_sample_call_works_as_it_stands_and_gets_the_shown_answer(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway("plugins.example", GATEWAY_ON_INVALID="refuse")
    shown = text(gateway.system, "lead_set")
    call = re.search(r"^curl .*?[^\\]$", shown, re.MULTILINE | re.DOTALL)
    assert call
    program, url, *options = shlex.split(call[0].replace("\\\n", ""))
    assert (program, url) == ("curl", gateway.system.settings.GATEWAY_DOCS_URL)
    assert options[::2] == ["--data-urlencode"] * (len(options) // 2)
    form = dict(option.split("=", 1) for option in options[1::2])
    form |= {"ai_login_id": "web", "ai_login_password": "secret"}
    found = gateway.post(urlencode(form).encode(), anonymous=True)
    assert found.status == 0
    assert f"    {found.body.decode()}\n" in shown
    assert "X-Gateway-Warning" not in found.headers


def test_refusals_on_the_page_are_those_that_a_post_gets(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    shown = text(gateway.system, "lead_set")
    for body, anonymous in ((b"command=lead_set", False), (b"command=lead_set", True)):
        found = gateway.post(body, anonymous=anonymous, headers={"Accept": "application/json"})
        assert f"    {found.body.decode()}\n" in shown
