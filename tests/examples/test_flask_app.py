"""The helpdesk on Flask, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from examples.flask_app.app import create_app, from_environment
from flask.testing import FlaskClient
from werkzeug.wrappers import Response

from clientmgmt import Staff, generate_key
from clientmgmt.testing import RecordingNotifier
from tests.box import PASSWORD

ADA = {"Authorization": "Bearer ada's token"}
BOB = {"Authorization": "Bearer bob's token"}
STAFF = {"ada's token": Staff("ada", roles={"administrator"}), "bob's token": Staff("bob", roles={"operations_lead"})}
TICKET = {"reference": "T-1", "subject": "It hums"}
ACME = {"name": "Acme Retail", "email": "ap@acme.example", **TICKET}
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
PROBLEM = "application/problem+json"

everywhere = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


class Browser:
    """Asks over TLS, and lets go of every response."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def get(self, url: str, **headers: str) -> Response:
        return self._ask("GET", url, None, headers)

    def post(self, url: str, body: object = None, **headers: str) -> Response:
        return self._ask("POST", url, body, headers)

    def _ask(self, method: str, url: str, body: object, headers: dict[str, str]) -> Response:
        base = "https://helpdesk.example"
        with self._client.open(url, method=method, json=body, headers=ADA | headers, base_url=base) as response:
            return response


@pytest.fixture
def http(engine: sa.Engine, mails: RecordingNotifier) -> Browser:
    app = create_app(engine, keys=[generate_key()], notifier=mails, staff_tokens=STAFF, cookie_key="k" * 32)
    return Browser(app.test_client())


def posted(http: Browser, url: str, body: object = None, **headers: str) -> dict[str, Any]:
    response = http.post(url, body, **headers)
    assert response.status_code == 201, response.get_data(as_text=True)
    answer: dict[str, Any] = response.get_json()
    return answer


def added(http: Browser) -> str:
    return str(posted(http, "/staff/clients", ACME)["client"]["id"])


def listed(http: Browser, url: str) -> list[str]:
    return [item["name"] for item in http.get(url).get_json()["items"]]


def tickets(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT reference FROM tickets ORDER BY id")).scalars())


@everywhere
def test_what_fails_after_our_call_leaves_nothing_of_ours(http: Browser, engine: sa.Engine) -> None:
    added(http)
    response = http.post("/staff/clients", ACME | {"name": "Bolt"})
    assert (response.status_code, response.content_type) == (409, PROBLEM)
    assert (listed(http, "/staff/clients"), tickets(engine)) == (["Acme Retail"], ["T-1"])


@everywhere
def test_a_refused_call_leaves_the_ticket(http: Browser, engine: sa.Engine) -> None:
    acme = added(http)
    posted(http, f"/staff/clients/{acme}/contacts", JANE)
    assert posted(http, f"/staff/clients/{acme}/tickets", JANE | TICKET | {"reference": "T-2"})["remark"]
    sam = {"first_name": "Sam", "last_name": "Lee", "email": "sam@acme.example", **TICKET, "reference": "T-3"}
    assert posted(http, f"/staff/clients/{acme}/tickets", sam)["remark"] == ""
    assert tickets(engine) == ["T-1", "T-2", "T-3"]
    assert listed(http, f"/staff/clients/{acme}/contacts") == ["Jane Doe", "Sam Lee"]


@everywhere
def test_the_same_key_has_one_effect(http: Browser, engine: sa.Engine, mails: RecordingNotifier) -> None:
    client = [posted(http, "/staff/clients", ACME, **{"Idempotency-Key": "1"}) for _ in range(2)]
    assert client[0] == client[1]
    url = f"/staff/clients/{client[0]['client']['id']}/contacts"
    jane = [posted(http, url, JANE, **{"Idempotency-Key": "2"}) for _ in range(2)]
    assert jane[0] == jane[1]
    other = http.post(url, JANE | {"first_name": "Joan"}, **{"Idempotency-Key": "2"})
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")
    for _ in range(2):
        posted(http, f"/staff/contacts/{jane[0]['id']}/invitations", **{"Idempotency-Key": "3"})
    assert (listed(http, "/staff/clients"), listed(http, url), tickets(engine)) == (
        ["Acme Retail"],
        ["Jane Doe"],
        ["T-1"],
    )
    assert len(mails.messages) == 1


def test_from_the_invitation_to_the_portal(http: Browser, mails: RecordingNotifier) -> None:
    acme = added(http)
    jane = posted(http, f"/staff/clients/{acme}/contacts", JANE)
    posted(http, f"/staff/contacts/{jane['id']}/invitations")
    token = mails.token("jane@acme.example")
    assert http.get("/portal/me").status_code == 401
    assert http.get(f"/portal/invitation?t={token}").get_json()["client_name"] == "Acme Retail"
    weak = http.post("/portal/accept", {"token": token, "password": "1234"})
    assert (weak.status_code, weak.get_json()["errors"][0]["field"]) == (422, "password")
    accepted = http.post("/portal/accept", {"token": token, "password": PASSWORD})
    assert accepted.status_code == 204
    assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(accepted.headers["Set-Cookie"].split("; "))
    me = http.get("/portal/me").get_json()
    assert [(contact["name"], contact["state"]) for contact in me] == [("Jane Doe", "active")]
    assert http.post("/portal/accept", {"token": token, "password": PASSWORD}).status_code == 410
    assert http.post("/portal/sign-out").status_code == 204
    assert http.get("/portal/me").status_code == 401
    wrong = http.post("/portal/sign-in", {"email": "jane@acme.example", "password": "no"})
    assert (wrong.status_code, wrong.content_type) == (401, PROBLEM)
    assert http.post("/portal/sign-in", {"email": "jane@acme.example", "password": PASSWORD}).status_code == 204
    assert len(http.get("/portal/me").get_json()) == 1


def test_refusals_are_problems(http: Browser) -> None:
    acme = added(http)
    contacts = f"/staff/clients/{acme}/contacts"
    posted(http, contacts, JANE)
    nobody = "00000000-0000-0000-0000-000000000000"
    asked = [
        ("not_found", http.post(contacts.replace(acme, nobody), JANE)),
        ("forbidden", http.post("/staff/clients", ACME, **BOB)),
        ("duplicate_contact", http.post(contacts, JANE)),
        ("invalid_input", http.post("/staff/clients", ACME | {"name": "", "email": None})),
    ]
    for code, response in asked:
        body = response.get_json()
        assert (body["code"], body["status"], response.content_type) == (code, response.status_code, PROBLEM)
        assert body["instance"] == f"urn:request:{response.headers['X-Request-ID']}"
    assert [response.status_code for _, response in asked] == [404, 403, 409, 422]
    assert {reason["field"] for reason in asked[3][1].get_json()["errors"]} == {"name", "email"}
    assert listed(http, contacts) == ["Jane Doe"]


def test_strangers_are_no_staff(http: Browser) -> None:
    for header in ("Bearer nobody's", ""):
        assert http.get("/staff/clients", Authorization=header).status_code == 401


def test_a_body_that_is_none_is_refused_before_anything_is_kept(http: Browser) -> None:
    assert http.post("/staff/clients", [1]).status_code == 400
    assert http.post("/staff/clients", ACME | {"subject": 5}).status_code == 422
    assert listed(http, "/staff/clients") == []


def test_the_environment_wires_it(sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "DATABASE_URL": str(sqlite_engine.url),
        "CLIENTMGMT_KEYS": f"{generate_key()} {generate_key()}",
        "SMTP_HOST": "mail.northwind.example",
        "ADMIN_TOKEN": "ada's token",
        "COOKIE_KEY": "k" * 32,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    app = from_environment()
    http = Browser(app.test_client())
    added(http)
    assert listed(http, "/staff/clients") == ["Acme Retail"]
    app.extensions["helpdesk"].storage.close()
