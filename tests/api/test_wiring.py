"""The edges of the facade: what a workspace says of itself, listeners that fail, stores that cannot be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from clientmgmt import ClientManager, InvalidInputError, SignInRefusedError, Staff, _wiring
from clientmgmt._wiring import open_async_storage
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage, SQLStorage
from clientmgmt.domain import Client, ContactState, Event, InvitationState, Note
from clientmgmt.errors import ConfigurationError, InvalidLinkError, StorageError
from clientmgmt.ports import Join, fields_of
from clientmgmt.ports.collections import CLIENTS, MEMBERSHIPS
from clientmgmt.testing import RecordingNotifier
from tests.box import PASSWORD, SETTINGS, Box, dump

pytestmark = pytest.mark.greenlets


def test_a_workspace_says_whose_it_is(memory_box: Box) -> None:
    assert memory_box.ws.tenant == memory_box.tenant
    assert memory_box.ws.actor == Staff("ada", roles={"administrator"})


def test_a_url_of_a_database_opens_what_an_event_loop_can_use(tmp_path: Path) -> None:
    opened = open_async_storage(f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    assert isinstance(opened, AsyncSQLStorage)
    assert open_async_storage(opened) is opened
    asyncio.run(opened.close())


def test_without_the_extra_passwords_are_hashed_by_what_comes_with_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wiring, "find_spec", lambda _: None)
    mails, store = RecordingNotifier(), InMemoryStorage()
    manager = ClientManager(store, settings=SETTINGS, notifier=mails)
    ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
    acme = ws.clients.add(name="Acme", email="ap@acme.example")
    ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True)
    manager.deliver()
    manager.entrance("northwind", origin="x").accept_invite(mails.token("jane@acme.example"), password=PASSWORD)
    hashed = [row.hash for row in dump(store, "northwind")["credentials"]]  # type: ignore[attr-defined]
    assert [text.split("$")[1] for text in hashed] == ["scrypt"]


def test_a_listener_that_fails_undoes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def listen(_: Sequence[Event]) -> None:
        message = "no"
        raise RuntimeError(message)

    box = Box(InMemoryStorage(), on_commit=listen)
    with caplog.at_level(logging.ERROR, "clientmgmt"):
        acme = box.client()
    assert box.ws.clients.get(acme.id) == acme
    assert [record.name for record in caplog.records] == ["clientmgmt"]


@pytest.mark.parametrize("rows", [5, None, "text", b"bytes"])
def test_what_is_no_list_of_rows_is_refused(memory_box: Box, rows: object) -> None:
    with pytest.raises(InvalidInputError) as refused:
        memory_box.ws.clients.import_rows(rows)  # type: ignore[arg-type]
    assert set(refused.value.by_field()) == {"rows"}


@pytest.mark.parametrize("user_id", ["text", 5, None])
def test_what_is_no_id_does_not_sign_in(memory_box: Box, user_id: object) -> None:
    with pytest.raises(SignInRefusedError):
        memory_box.door.sign_in_trusted(user_id)  # type: ignore[arg-type]


def test_a_cursor_of_another_list_is_refused(memory_box: Box) -> None:
    acme = memory_box.client()
    for first in ("Jane", "Bob"):
        memory_box.contact(acme, first)
    cursor = memory_box.ws.contacts.list(acme.id, limit=1).next_cursor
    with pytest.raises(InvalidInputError):
        memory_box.ws.clients.list(cursor=cursor)


def test_an_expiry_is_recorded_once(memory_box: Box) -> None:
    jane, token = memory_box.invited(memory_box.client())
    memory_box.later(days=7)
    for _ in range(2):
        with pytest.raises(InvalidLinkError):
            memory_box.door.accept_invite(token, password=PASSWORD)
    assert [sent.state for sent in memory_box.ws.access.invitations(jane.id)] == [InvitationState.EXPIRED]
    assert len(memory_box.ws.audit.list(action="invitation_expired")) == 1
    assert memory_box.now_of(jane).state is ContactState.INVITE_SENT


def test_a_store_that_cannot_be_asked_and_says_nothing_of_it_is_an_error() -> None:
    class Broken(InMemoryStorage):
        def tenants(self, *_: object, **__: object) -> tuple[str, ...]:
            message = "gone"
            raise StorageError(message)

    with pytest.raises(StorageError, match="gone"):
        ClientManager(Broken()).check()


def test_a_store_that_says_what_is_wrong_and_cannot_be_asked_is_believed() -> None:
    class Ailing(InMemoryStorage):
        def check(self) -> tuple[Note, ...]:
            return (Note("foreign_keys_off", "PRAGMA foreign_keys is off"),)

        def tenants(self, *_: object, **__: object) -> tuple[str, ...]:
            message = "foreign keys are off"
            raise ConfigurationError(message)

    assert [note.code for note in ClientManager(Ailing()).check()] == ["foreign_keys_off"]


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql+nothing"])
def test_a_driver_that_cannot_be_used_is_named_without_the_password(driver: str) -> None:
    with pytest.raises(ConfigurationError, match=driver.replace("+", r"\+")) as refused:
        SQLStorage(f"{driver}://ada:s3cret@localhost/clients")
    assert "s3cret" not in str(refused.value)


def test_a_join_follows_a_declared_reference_only() -> None:
    with pytest.raises(ConfigurationError):
        Join(MEMBERSHIPS, MEMBERSHIPS.user_id, CLIENTS)


def test_a_field_is_declared_by_reaching_for_attributes() -> None:
    of = fields_of(Client)
    for lambda_ in (lambda _: 5, lambda client: client):
        with pytest.raises(ConfigurationError):
            of(lambda_)
