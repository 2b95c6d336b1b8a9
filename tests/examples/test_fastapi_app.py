"""The helpdesk on FastAPI, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from examples.fastapi_app.app import create_app, from_environment
from fastapi.testclient import TestClient

from clientmgmt import Staff, generate_key
from clientmgmt.domain import Message
from clientmgmt.testing import RecordingNotifier
from tests.box import PASSWORD

ADA = {"Authorization": "Bearer ada's token"}
BOB = {"Authorization": "Bearer bob's token"}
STAFF = {"ada's token": Staff("ada", roles={"administrator"}), "bob's token": Staff("bob", roles={"operations_lead"})}
ACME = {"name": "Acme Retail", "email": "ap@acme.example", "ticket": {"reference": "T-1", "subject": "It hums"}}
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
PROBLEM = "application/problem+json"

everywhere = pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def http(engine: sa.Engine, mails: RecordingNotifier) -> Iterator[TestClient]:
    app = create_app(
        engine, keys=[generate_key()], notifier=mails, staff_tokens=STAFF, cookie_key="k" * 32, deliver_every=3600
    )
    with TestClient(app, base_url="https://helpdesk.example", headers=ADA) as client:
        yield client


def added(http: TestClient, **changes: Any) -> str:  # noqa: ANN401 - JSON
    response = http.post("/staff/clients", json=ACME | changes)
    assert response.status_code == 201, response.text
    return str(response.json()["client"]["id"])


def jane_of(http: TestClient, client: str) -> dict[str, Any]:
    response = http.post(f"/staff/clients/{client}/contacts", json=JANE)
    assert response.status_code == 201, response.text
    contact: dict[str, Any] = response.json()
    return contact


def token_of(http: TestClient, mails: RecordingNotifier, contact: dict[str, Any]) -> str:
    assert http.post(f"/staff/contacts/{contact['id']}/invitations").status_code == 201
    return mails.token(contact["email"])


def clients(http: TestClient) -> list[str]:
    return [client["name"] for client in http.get("/staff/clients").json()["items"]]


def contacts(http: TestClient, client: str) -> list[tuple[str, str]]:
    items = http.get(f"/staff/clients/{client}/contacts").json()["items"]
    return [(contact["first_name"], contact["state"]) for contact in items]


def tickets(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT reference FROM tickets ORDER BY id")).scalars())


def test_a_client_and_its_ticket_are_kept_together(http: TestClient, engine: sa.Engine) -> None:
    response = http.post("/staff/clients", json=ACME)
    assert (response.status_code, response.json()["client"]["status"]) == (201, "active")
    assert (clients(http), tickets(engine)) == (["Acme Retail"], ["T-1"])


@everywhere
def test_what_fails_after_our_call_leaves_nothing_of_ours(http: TestClient, engine: sa.Engine) -> None:
    added(http)
    response = http.post("/staff/clients", json=ACME | {"name": "Bolt"})
    assert (response.status_code, response.headers["content-type"]) == (409, PROBLEM)
    assert (clients(http), tickets(engine)) == (["Acme Retail"], ["T-1"])
    with engine.connect() as connection:
        actions = connection.execute(sa.text("SELECT action FROM cm_audit")).scalars().all()
    assert list(actions) == ["client_added"]


@everywhere
def test_a_refused_call_leaves_the_ticket(http: TestClient, engine: sa.Engine) -> None:
    acme = added(http)
    jane_of(http, acme)
    ticket = {"reference": "T-2", "subject": "It smells", "reporter": JANE}
    response = http.post(f"/staff/clients/{acme}/tickets", json=ticket)
    assert response.status_code == 201
    assert "jane@acme.example: " in response.json()["remark"]
    other = ticket | {"reference": "T-3", "reporter": JANE | {"email": "sam@acme.example", "first_name": "Sam"}}
    assert http.post(f"/staff/clients/{acme}/tickets", json=other).json()["remark"] == ""
    assert tickets(engine) == ["T-1", "T-2", "T-3"]
    assert len(contacts(http, acme)) == 2


@everywhere
def test_the_same_key_has_one_effect(http: TestClient, engine: sa.Engine) -> None:
    key = {"Idempotency-Key": "form 1"}
    first = http.post("/staff/clients", json=ACME, headers=key)
    assert (first.status_code, first.json()) == (201, http.post("/staff/clients", json=ACME, headers=key).json())
    assert (clients(http), tickets(engine)) == (["Acme Retail"], ["T-1"])
    acme = first.json()["client"]["id"]
    url = f"/staff/clients/{acme}/contacts"
    jane = http.post(url, json=JANE, headers={"Idempotency-Key": "form 2"})
    again = http.post(url, json=JANE, headers={"Idempotency-Key": "form 2"})
    assert (again.status_code, again.json()) == (201, jane.json())
    other = http.post(url, json=JANE | {"first_name": "Joan"}, headers={"Idempotency-Key": "form 2"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert contacts(http, acme) == [("Jane", "pending_invite")]


def test_a_repeated_invitation_sends_one_mail(http: TestClient, mails: RecordingNotifier) -> None:
    url = f"/staff/contacts/{jane_of(http, added(http))['id']}/invitations"
    answers = [http.post(url, headers={"Idempotency-Key": "form 3"}).json() for _ in range(3)]
    assert answers[1:] == answers[:-1]
    assert len(mails.messages) == 1


def test_from_the_invitation_to_the_portal(http: TestClient, mails: RecordingNotifier) -> None:
    acme = added(http)
    token = token_of(http, mails, jane_of(http, acme))
    assert contacts(http, acme) == [("Jane", "invite_sent")]
    assert http.get("/portal/me").status_code == 401
    assert http.get("/portal/invitation", params={"t": token}).json()["client_name"] == "Acme Retail"
    weak = http.post("/portal/accept", json={"token": token, "password": "1234"})
    assert (weak.status_code, weak.json()["errors"][0]["field"]) == (422, "password")
    accepted = http.post("/portal/accept", json={"token": token, "password": PASSWORD})
    assert accepted.status_code == 204
    assert {"httponly", "secure", "samesite=lax"} <= set(accepted.headers["set-cookie"].lower().split("; "))
    me = http.get("/portal/me").json()
    assert [(contact["name"], contact["client_id"], contact["state"]) for contact in me] == [
        ("Jane Doe", acme, "active")
    ]
    again = http.post("/portal/accept", json={"token": token, "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (410, "invalid_link")
    assert "reason" not in again.json()


def test_sign_in_and_out(http: TestClient, mails: RecordingNotifier) -> None:
    token = token_of(http, mails, jane_of(http, added(http)))
    http.post("/portal/accept", json={"token": token, "password": PASSWORD})
    assert http.post("/portal/sign-out").status_code == 204
    assert http.get("/portal/me").status_code == 401
    wrong = http.post("/portal/sign-in", json={"email": "jane@acme.example", "password": "no"})
    assert (wrong.status_code, wrong.headers["content-type"], wrong.json()["code"]) == (401, PROBLEM, "sign_in_refused")
    right = http.post("/portal/sign-in", json={"email": "Jane@acme.example", "password": PASSWORD})
    assert right.status_code == 204
    assert http.get("/portal/me").json()[0]["name"] == "Jane Doe"


def test_whoever_was_deactivated_is_out_at_once(http: TestClient, mails: RecordingNotifier, engine: sa.Engine) -> None:
    jane = jane_of(http, added(http))
    http.post("/portal/accept", json={"token": token_of(http, mails, jane), "password": PASSWORD})
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE cm_users SET deactivated_at = created_at"))
    assert http.get("/portal/me").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", "/staff/clients/{unknown}/contacts", None, ADA, (404, "not_found")),
        ("POST", "/staff/clients/{unknown}/contacts", JANE, ADA, (404, "not_found")),
        ("POST", "/staff/clients", ACME, BOB, (403, "forbidden")),
        ("POST", "/staff/clients/{acme}/contacts", JANE, ADA, (409, "duplicate_contact")),
        ("POST", "/staff/clients", ACME | {"name": "", "email": "x"}, ADA, (422, "invalid_input")),
        ("GET", "/staff/clients?cursor=x", None, ADA, (422, "invalid_input")),
    ],
)
def test_refusals_are_problems(  # noqa: PLR0917 - a table
    http: TestClient, method: str, path: str, body: object, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    acme = added(http)
    jane_of(http, acme)
    url = path.format(acme=acme, unknown="0" * 32)
    response = http.request(method, url, json=body, headers=headers)
    found = response.json()
    assert (response.status_code, found["code"], found["status"]) == (*expected, expected[0])
    assert (response.headers["content-type"], found["instance"]) == (
        PROBLEM,
        f"urn:request:{response.headers['x-request-id']}",
    )
    assert (clients(http), contacts(http, acme)) == (["Acme Retail"], [("Jane", "pending_invite")])


def test_all_that_is_wrong_is_said_at_once(http: TestClient) -> None:
    response = http.post("/staff/clients", json=ACME | {"name": "", "email": "x"})
    assert {reason["field"] for reason in response.json()["errors"]} == {"name", "email"}


def test_a_denial_is_on_record_though_the_request_was_undone(http: TestClient, engine: sa.Engine) -> None:
    assert http.post("/staff/clients", json=ACME, headers=BOB).status_code == 403
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT actor, action FROM cm_audit")).all()
    kept = [] if engine.dialect.name == "sqlite" else [("staff:bob", "denied")]  # SQLite has one writer at a time
    assert [tuple(row) for row in rows] == kept


def test_strangers_are_no_staff(http: TestClient) -> None:
    for headers in ({"Authorization": "Bearer nobody's"}, {"Authorization": ""}):
        assert http.get("/staff/clients", headers=headers).status_code == 401


def test_every_request_has_an_id_of_its_own(http: TestClient) -> None:
    ids = {http.get("/staff/clients").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


class Slow(RecordingNotifier):
    """Says when it was given something."""

    def __init__(self) -> None:
        super().__init__()
        self.given = threading.Event()

    def send(self, message: Message, /) -> str:
        answer = super().send(message)
        self.given.set()
        return answer


def test_the_worker_sends_what_waits(sqlite_engine: sa.Engine) -> None:
    mails = Slow()
    app = create_app(
        sqlite_engine, keys=[generate_key()], notifier=mails, staff_tokens=STAFF, cookie_key="k", deliver_every=0.01
    )
    with TestClient(app, base_url="https://helpdesk.example", headers=ADA) as http:
        acme = added(http)
        ws = app.state.desk.manager.workspace("northwind", actor=STAFF["ada's token"])
        ws.contacts.send_invites(acme_id := ws.clients.list().items[0].id)
        jane = jane_of(http, acme)
        ws.contacts.send_invites(acme_id)
        assert mails.given.wait(30)
    assert mails.messages[0].to.email == jane["email"]


def test_the_environment_wires_it(sqlite_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "DATABASE_URL": str(sqlite_engine.url),
        "CLIENTMGMT_KEYS": f"{generate_key()} {generate_key()}",
        "SMTP_HOST": "mail.northwind.example",
        "ADMIN_TOKEN": "s3cr3t",
        "COOKIE_KEY": "k" * 32,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    app = from_environment()
    with TestClient(app, headers={"Authorization": "Bearer s3cr3t"}) as http:
        added(http)
        assert clients(http) == ["Acme Retail"]
    app.state.desk.engine.dispose()
