"""The documentation page over HTTP: who may read it, what it hides, and its sample works."""

import re
import shlex
from collections.abc import Callable
from urllib.parse import urlencode

from gateway.page.rows import SHOWN_AT_MOST
from gateway.testing import Gateway
from gateway.testing.client import basic
from tests.pages import BROWSER, CURL, ask, make_system, text

ROWS = {
    "statuses": [{"label": "Fresh & new", "id": 7}],
    "custom_statuses": ["Called <twice>"],
    "pools": ["North pool"],
}


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
