"""The asynchronous helpdesk, over HTTP: on asyncpg, and on aiosqlite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from examples.fastapi_app.async_app import create_app
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from clientmgmt import Staff, generate_key
from clientmgmt.testing import RecordingNotifier
from tests.box import PASSWORD
from tests.postgres import new_schema

ADA = {"Authorization": "Bearer ada's token"}
BOB = {"Authorization": "Bearer bob's token"}
STAFF = {"ada's token": Staff("ada", roles={"administrator"}), "bob's token": Staff("bob", roles={"operations_lead"})}
ACME = {"name": "Acme Retail", "email": "ap@acme.example", "ticket": {"reference": "T-1", "subject": "It hums"}}
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}


@pytest.fixture
def on_asyncpg(postgres_url: str) -> Iterator[AsyncEngine]:
    server = sa.create_engine(postgres_url)
    with new_schema(server) as schema:
        url = sa.make_url(postgres_url).set(drivername="postgresql+asyncpg")
        yield create_async_engine(url, connect_args={"server_settings": {"search_path": schema}})
    server.dispose()


@pytest.fixture
def on_aiosqlite(tmp_path: Path) -> AsyncEngine:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'helpdesk.db'}")
    sa.event.listen(engine.sync_engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    return engine


@pytest.fixture(params=["on_asyncpg", pytest.param("on_aiosqlite", marks=pytest.mark.slow)])
def http(request: pytest.FixtureRequest, mails: RecordingNotifier) -> Iterator[TestClient]:
    engine: AsyncEngine = request.getfixturevalue(request.param)
    app = create_app(engine, keys=[generate_key()], notifier=mails, staff_tokens=STAFF, cookie_key="k" * 32)
    with TestClient(app, base_url="https://helpdesk.example", headers=ADA) as client:
        yield client


def posted(http: TestClient, url: str, body: object = None, **headers: str) -> dict[str, Any]:
    response = http.post(url, json=body, headers=headers)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def listed(http: TestClient, url: str) -> list[str]:
    return [item["name"] for item in http.get(url).json()["items"]]


def test_what_fails_after_our_call_leaves_nothing_of_ours(http: TestClient) -> None:
    first = posted(http, "/staff/clients", ACME)
    response = http.post("/staff/clients", json=ACME | {"name": "Bolt"})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert listed(http, "/staff/clients") == ["Acme Retail"]
    second = posted(http, "/staff/clients", ACME | {"name": "Cora", "ticket": {"reference": "T-2", "subject": "?"}})
    assert second["ticket"] != first["ticket"]


def test_a_refused_call_leaves_the_ticket(http: TestClient) -> None:
    acme = posted(http, "/staff/clients", ACME)["client"]["id"]
    posted(http, f"/staff/clients/{acme}/contacts", JANE)
    ticket = {"reference": "T-2", "subject": "It smells", "reporter": JANE}
    assert "jane@acme.example: " in posted(http, f"/staff/clients/{acme}/tickets", ticket)["remark"]
    assert http.post(f"/staff/clients/{acme}/tickets", json=ticket).status_code == 409


def test_the_same_key_has_one_effect(http: TestClient, mails: RecordingNotifier) -> None:
    client = [posted(http, "/staff/clients", ACME, **{"Idempotency-Key": "1"}) for _ in range(2)]
    assert client[0] == client[1]
    url = f"/staff/clients/{client[0]['client']['id']}/contacts"
    jane = [posted(http, url, JANE, **{"Idempotency-Key": "2"}) for _ in range(2)]
    assert jane[0] == jane[1]
    for _ in range(2):
        posted(http, f"/staff/contacts/{jane[0]['id']}/invitations", **{"Idempotency-Key": "3"})
    assert (listed(http, "/staff/clients"), listed(http, url)) == (["Acme Retail"], ["Jane Doe"])
    assert len(mails.messages) == 1


def test_from_the_invitation_to_the_portal(http: TestClient, mails: RecordingNotifier) -> None:
    acme = posted(http, "/staff/clients", ACME)["client"]["id"]
    jane = posted(http, f"/staff/clients/{acme}/contacts", JANE)
    posted(http, f"/staff/contacts/{jane['id']}/invitations")
    link = {"token": mails.token("jane@acme.example"), "password": PASSWORD}
    assert http.post("/portal/accept", json=link).status_code == 204
    assert http.post("/portal/accept", json=link).status_code == 410
    assert http.post("/portal/sign-in", json={"email": jane["email"], "password": "no"}).status_code == 401
    assert http.post("/portal/sign-in", json={"email": jane["email"], "password": PASSWORD}).status_code == 204
    contacts = http.get(f"/staff/clients/{acme}/contacts").json()["items"]
    assert [contact["state"] for contact in contacts] == ["active"]


def test_refusals_are_problems(http: TestClient) -> None:
    acme = posted(http, "/staff/clients", ACME)["client"]["id"]
    contacts = f"/staff/clients/{acme}/contacts"
    posted(http, contacts, JANE)
    asked = [
        (404, http.post(contacts.replace(acme, "0" * 32), json=JANE)),
        (403, http.post("/staff/clients", json=ACME, headers=BOB)),
        (409, http.post(contacts, json=JANE)),
        (422, http.post("/staff/clients", json=ACME | {"name": ""})),
    ]
    assert [(response.status_code, response.json()["status"]) for _, response in asked] == [
        (status, status) for status, _ in asked
    ]
    assert {response.headers["content-type"] for _, response in asked} == {"application/problem+json"}
