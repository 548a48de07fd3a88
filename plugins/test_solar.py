"""The plugin of a solar installer: its cases on every engine, and its setting."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import settings
from gateway.contract import Call, Credentials
from gateway.testing import Gateway, check_plugin
from plugins.solar import gateway_authenticate, is_partner

CASES = sorted((Path(__file__).parent / "cases" / "solar").glob("*.toml"))
NETWORKS = "SOLAR_PARTNER_NETWORKS"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(
    path: Path, run_case: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NETWORKS, "192.0.2.0/24")
    run_case(path)


def test_plugin_keeps_to_the_rules() -> None:
    check_plugin("plugins.solar")


@pytest.mark.parametrize(
    ("networks", "address", "known"),
    [
        ("", "192.0.2.7", False),
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.3.7", False),
        ("10.0.0.0/8, 2001:db8::/32,", "2001:db8::7", True),
        ("10.0.0.0/8, 2001:db8::/32", "192.0.2.7", False),
        ("192.0.2.0/24", "", False),
        ("192.0.2.0/24", "unknown", False),
    ],
)
def test_partner_is_known_by_its_network(
    monkeypatch: pytest.MonkeyPatch, networks: str, address: str, known: bool
) -> None:
    monkeypatch.setenv(NETWORKS, networks)
    assert is_partner(address) is known


def test_network_that_is_none_stops_the_start(
    make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NETWORKS, "192.0.2.0/24, 300.1.2.3")
    with pytest.raises(Exception, match=r"plugins\.solar.*300\.1\.2\.3"):
        make_gateway("plugins.solar")


def test_without_the_setting_nobody_is_the_partner(
    make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(NETWORKS, raising=False)
    gateway = make_gateway("plugins.solar", logins=[])
    assert gateway.send(last_name="Lee").status_message == "Authentication failed"
    assert gateway.count() == 0


@pytest.mark.parametrize(
    "sent", ["login_id", "password", "site_token", "token", "form_key", "authorization"]
)
def test_whoever_sends_a_credential_is_not_taken_for_the_partner(
    monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    monkeypatch.setenv(NETWORKS, "192.0.2.0/24")
    call = Call(request_id="1", received_at=datetime.now(UTC), address="192.0.2.7")
    partner = gateway_authenticate(call, settings())
    assert partner is not None
    assert (partner.name, partner.may_dry_run) == ("solar-partner", False)
    claiming = replace(call, credentials=Credentials(**{sent: "x"}))
    assert gateway_authenticate(claiming, settings()) is None
