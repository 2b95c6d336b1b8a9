"""The sandbox builds what a test starts from, as life would; the strategies draw what they say they draw."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientmgmt import (
    ClientStatus,
    ForbiddenError,
    InvalidInputError,
    InvalidLinkError,
    Links,
    Settings,
    SignInRefusedError,
    Staff,
)
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.smtp.message import build
from clientmgmt.domain import Message
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.collections import CREDENTIALS
from clientmgmt.testing import SANDBOX_PASSWORD, FastHasher, ManualClock, RecordingNotifier, Sandbox, SequentialIds
from clientmgmt.testing.strategies import (
    awkward_texts,
    client_fields,
    contact_fields,
    emails,
    messages,
    names,
    refused_texts,
)

# The first look at an odd address loads a library.
AT_LEISURE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)


@pytest.mark.parametrize("state", ["active", "pending_invite", "invite_sent", "inactive"])
def test_a_contact_is_built_in_any_state(state: str) -> None:
    with Sandbox() as box:
        jane = box.contact(state=state)  # type: ignore[arg-type]
        assert jane.state == state
        assert box.workspace().contacts.get(jane.id) == jane
        sent = [] if state == "pending_invite" else [jane.email.address]
        assert [message.to.email for message in box.mails.messages] == sent


def test_an_active_contact_is_one_that_did_it_all() -> None:
    with Sandbox() as box:
        jane = box.contact()
        actions = [entry.action for entry in box.workspace().audit.list(client_id=jane.client_id)]
        assert actions[::-1] == [
            "client_added", "contact_added", "contact_invited", "invitation_accepted", "user_signed_in",
        ]  # fmt: skip
        assert box.sign_in(jane).actor.user_id == jane.user_id
        with pytest.raises(SignInRefusedError):
            box.sign_in(jane, password="another")
        assert box.entrance().sign_in(jane.email.address, SANDBOX_PASSWORD).actor.user_id == jane.user_id


def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    with Sandbox() as box, pytest.raises(ConfigurationError, match="pending_invite, invite_sent, inactive"):
        box.contact(state="invited")  # type: ignore[arg-type]


def test_everything_built_has_a_name_of_its_own() -> None:
    with Sandbox() as box:
        clients = [box.client() for _ in range(12)]
        contacts = [box.contact(client_id=clients[0].id, state="pending_invite") for _ in range(12)]
        assert len({client.name for client in clients}) == len({client.email.key for client in clients}) == 12
        assert len({contact.email.key for contact in contacts}) == 12
        assert {contact.client_id for contact in contacts} == {clients[0].id}
        addresses = [client.email.address for client in clients] + [contact.email.address for contact in contacts]
        assert all(address.endswith(".example") for address in addresses)


def test_fields_are_passed_on() -> None:
    with Sandbox() as box:
        acme = box.client(name="Acme Retail", status="prospect")
        jane = box.contact(client_id=acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
        assert (acme.name, acme.status) == ("Acme Retail", ClientStatus.PROSPECT)
        assert (jane.name, jane.email.address) == ("Jane Doe", "jane@acme.example")


def test_two_sandboxes_build_the_same() -> None:
    with Sandbox() as one, Sandbox() as other:
        assert one.contact() == other.contact()
        assert isinstance(one.clock, ManualClock)
        assert isinstance(one.ids, SequentialIds)
        assert isinstance(one.mails, RecordingNotifier)


def test_time_moves_by_hand() -> None:
    with Sandbox() as box:
        jane = box.contact(state="invite_sent")
        box.clock.advance(timedelta(days=7))
        with pytest.raises(InvalidLinkError):
            box.accept(jane)


def test_actors_and_tenants() -> None:
    with Sandbox(tenant="northwind") as box:
        assert box.workspace().tenant == "northwind"
        assert str(box.workspace().actor) == "system:test"
        acme = box.client()
        with pytest.raises(ForbiddenError):
            box.workspace(Staff("bob", roles={"operations_lead"})).clients.add(name="A", email="a@a.example")
        assert box.workspace(tenant="contoso").clients.list().items == ()
        assert box.workspace().clients.list().items == (acme,)
        with pytest.raises(SignInRefusedError):
            box.entrance(tenant="contoso").sign_in("a@a.example", SANDBOX_PASSWORD)


def test_settings_of_the_application(tmp_path: Path) -> None:
    shop = Settings(sender="Shop <hi@shop.example>", links=Links(invite="https://shop.example/in/{token}?t={token}"))
    with Sandbox(settings=lambda _: shop, storage=f"sqlite:///{tmp_path}/shop.db") as box:
        jane = box.contact(state="active")
        assert box.mails.messages[0].sender.email == "hi@shop.example"
    with Sandbox(storage=f"sqlite:///{tmp_path}/shop.db", tenant="second") as box:
        assert box.contact(state="active") == jane  # the same ids, in another tenant


def test_a_store_that_is_handed_in_stays_open() -> None:
    class Store(InMemoryStorage):
        closed = False

        def close(self) -> None:
            self.closed = True

    store = Store()
    with Sandbox(storage=store) as box:
        box.client()
    assert not store.closed
    assert store.contents().entities


def test_another_notifier_gets_the_mail() -> None:
    mails = RecordingNotifier()
    with Sandbox(notifier=mails) as box:
        box.workspace().contacts.add(
            box.client().id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True
        )
        box.manager.deliver()
        assert len(mails.messages) == 1
        assert box.mails.messages == []


def test_passwords_cost_nothing() -> None:
    with Sandbox() as box:
        box.contact()
        with box.manager._stores.own.unit_of_work(box.tenant, read_only=True) as uow:  # noqa: SLF001 - to see the hash
            (credential,) = uow.find(CREDENTIALS)
        assert FastHasher().verify(SANDBOX_PASSWORD, credential.hash)


# Strategies for applications.


@AT_LEISURE
@given(client_fields(), contact_fields())
def test_drawn_clients_and_contacts_are_taken_as_they_are(client: dict[str, Any], contact: dict[str, Any]) -> None:
    with Sandbox() as box:
        acme = box.workspace().clients.add(**client)
        jane = box.workspace().contacts.add(acme.id, **contact)
        assert acme.name == client["name"]
        assert (jane.first_name, jane.last_name) == (contact["first_name"], contact["last_name"])
        assert jane.job_title == contact.get("job_title")


@AT_LEISURE
@given(refused_texts(), st.sampled_from(["name", "email"]))
def test_refused_texts_are_refused_in_every_field(text: str, field: str) -> None:
    with Sandbox() as box, pytest.raises(InvalidInputError) as refused:
        box.client(**{field: text})
    assert set(refused.value.by_field()) == {field}


@AT_LEISURE
@given(st.one_of(emails(), names(), awkward_texts()))
def test_drawn_texts_are_normal_and_visible(text: str) -> None:
    with Sandbox() as box:
        assert box.client(name=text).name == text


@AT_LEISURE
@given(messages())
def test_drawn_messages_can_be_written(message: Message) -> None:
    assert build(message).recipients[0].endswith(".example")
