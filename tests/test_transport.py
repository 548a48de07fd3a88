"""What only HTTP has: methods, addresses, headers, limits on the wire, the two probes."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway.testing import Gateway

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
POST = b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=secret&last_name=Lee"
CREATED = b"status=0&status_message=Lead+Creation+Successful&lead_id=1001"


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway()


@pytest.fixture
def client(gateway: Gateway) -> FlaskClient:
    return gateway.app.test_client(use_cookies=False)


@pytest.mark.parametrize("path", ["/service", "/service/", "/service.php", "/service.php/"])
def test_post_is_taken_at_every_endpoint_without_redirect(client: FlaskClient, path: str) -> None:
    answer = client.post(path, data=POST, headers=FORM)
    assert (answer.status_code, answer.data) == (200, CREATED)


def test_endpoints_are_a_setting(make_gateway: Callable[..., Gateway]) -> None:
    client = make_gateway(GATEWAY_ENDPOINTS=("/old/api.php",)).app.test_client()
    assert client.post("/old/api.php", data=POST, headers=FORM).data == CREATED
    assert client.post("/service", data=POST, headers=FORM).status_code == 404
    assert client.get("/").headers["Location"] == "/old/api.php"


@pytest.mark.parametrize("path", ["//service", "/service//", "/Service"])
def test_other_address_is_not_found_and_never_a_redirect(client: FlaskClient, path: str) -> None:
    answer = client.post(path, base_url="http://localhost", data=POST, headers=FORM)
    assert answer.status_code == 404


def test_answer_has_its_headers(client: FlaskClient, gateway: Gateway) -> None:
    answer = client.post("/service", data=POST, headers={**FORM, "X-Request-Id": "theirs"})
    (row,) = gateway.journal()
    assert answer.headers["X-Request-Id"] == row["request_id"]
    assert row["caller_request_id"] == "theirs"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Gateway-Error" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_preflight_is_answered_before_anything_else(client: FlaskClient, gateway: Gateway) -> None:
    answer = client.options("/service", headers={"Origin": "https://example.com"})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert {"content-type", "authorization", "idempotency-key", "x-dry-run"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert gateway.journal() == []


def test_preflight_allows_what_is_asked_for_within_bounds(client: FlaskClient) -> None:
    def allowed(asked: str) -> list[str]:
        answer = client.options("/service", headers={"Access-Control-Request-Headers": asked})
        assert answer.headers["Vary"] == "Access-Control-Request-Headers"
        return answer.headers["Access-Control-Allow-Headers"].split(", ")

    ours = allowed("")
    assert allowed("X-Requested-With,Content-Type, cache-control") == [
        *ours,
        "x-requested-with",
        "cache-control",
    ]
    assert allowed('*;"<\x7f>') == ours
    assert len(allowed(",".join(f"x-{number}" for number in range(1_000)))) <= len(ours) + 50


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_other_method_is_not_allowed(client: FlaskClient, method: str) -> None:
    answer = client.open("/service", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_get_without_command_is_the_documentation(client: FlaskClient, method: str) -> None:
    answer = client.open("/service?show=lead_set", method=method)
    assert answer.status_code == 200
    assert "X-Request-Id" in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (b"full_name" in answer.data) is (method == "GET")


def test_page_asks_for_a_login_when_asked(client: FlaskClient) -> None:
    assert client.get("/service?login=1").status_code == 401


def test_command_by_get_needs_the_setting(make_gateway: Callable[..., Gateway]) -> None:
    refused = make_gateway().app.test_client().get("/service", query_string=POST.decode())
    assert refused.status_code == 200
    assert refused.headers["X-Gateway-Error"] == "method_not_allowed"
    allowed = make_gateway(GATEWAY_ALLOW_GET=True).app.test_client()
    assert allowed.get("/service", query_string=POST.decode()).data == CREATED
    head = allowed.head("/service", query_string=POST.decode())
    assert head.headers["X-Gateway-Error"] == "method_not_allowed"


def test_root_leads_to_the_documentation(client: FlaskClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/service")


def test_probes(client: FlaskClient, gateway: Gateway) -> None:
    alive = client.get("/healthz")
    assert (alive.status_code, alive.data) == (200, b"ok")
    assert client.get("/readyz").data == b"ready"
    engine = gateway.system.engine
    with engine.begin() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        connection.exec_driver_sql("DELETE FROM alembic_version")
    answer = client.get("/readyz")
    # Other tests get this database as well.
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{version}')")
    assert (answer.status_code, answer.data.count(b"\n")) == (503, 0)
    assert b"flask db upgrade" in answer.data


def test_body_beyond_the_limit_is_answered(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_MAX_BODY=2_000)
    answer = gateway.post(POST + b"&note=" + b"x" * 2_000)
    assert (answer.http_status, answer.headers["X-Gateway-Error"]) == (200, "too_large")
    (row,) = gateway.journal()
    assert (row["body"], row["body_size"]) == (None, len(POST) + 2_006)


def test_body_without_a_length_is_read_to_its_end(client: FlaskClient) -> None:
    chunked: dict[str, Any] = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = client.post(
        "/service", input_stream=io.BytesIO(POST), headers=FORM, environ_overrides=chunked
    )
    assert answer.data == CREATED


def test_secrets_are_in_no_row_of_the_journal(client: FlaskClient, gateway: Gateway) -> None:
    client.post("/service?ai_token=t0ken", data=POST, headers=FORM)
    (row,) = gateway.journal()
    assert row["query"] == b"ai_token="
    assert row["body"] == POST.replace(b"=secret", b"=")
    assert row["flags"] == "credentials_in_address"


def test_address_is_that_of_the_caller(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(GATEWAY_TRUSTED_PROXIES=1)
    gateway.post(POST, headers={"X-Forwarded-For": "6.6.6.6, 192.0.2.7"})
    assert gateway.journal()[0]["address"] == "192.0.2.7"
