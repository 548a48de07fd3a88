"""The sample of plugins/README.md, whole."""

from pathlib import Path

from gateway.testing import check_plugin

pytest_plugins = ["gateway.testing"]


def test_plugin_keeps_every_rule():
    check_plugin("plugins.example")


def test_same_vin_is_the_same_lead(make_gateway):
    gateway = make_gateway("plugins.example", GATEWAY_REGION="DE")
    first = gateway.send(full_name="Ann Lee", vin="1HGCM82633A004352")
    again = gateway.send(match_update=1, match_vin=1, vin="1hgcm82633a004352", city="Salem")
    assert (again.status, again.lead_id) == (0, first.lead_id)
    assert gateway.lead(1001)["city"] == "Salem"


def test_golden_case(run_case):
    run_case(Path(__file__).parent / "same_vin.toml")


def test_example_is_asked_for_fields_first(hook_calls, make_gateway):
    make_gateway("plugins.example")
    asked = [call.hook for call in hook_calls if call.plugin == "plugins.example"]
    assert asked == ["gateway_custom_fields", "gateway_match_rules"]
