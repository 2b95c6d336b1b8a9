"""A command that is sent again has one effect and one answer. Source: glossary: idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pytest

from clientmgmt import Client, ForbiddenError, InvalidInputError, RetentionRules, Rules, Workspace
from clientmgmt._usecases.idempotency import fingerprint
from clientmgmt._usecases.work import Recorded, Work
from clientmgmt.adapters.memory import InMemoryStorage, InMemoryUnitOfWork
from clientmgmt.domain import ClientKind, ExternalReference
from clientmgmt.errors import (
    CommitUnknownError,
    DuplicateContactError,
    DuplicateReferenceError,
    IdempotencyConflictError,
    LimitError,
)
from clientmgmt.ports import Storage, UnitOfWork
from clientmgmt.ports.collections import KEPT_ANSWERS
from clientmgmt.ports.storage import UniqueViolation
from tests.box import Box
from tests.stories.test_transactions import LeftBy

Command = Callable[[Workspace, str], object]
KEY = "order-4711"


def add_acme(ws: Workspace, key: str | None = KEY, **fields: Any) -> Client:  # noqa: ANN401 - passed on
    return ws.clients.add(**({"name": "Acme", "email": "ap@acme.example", "idempotency_key": key} | fields))


def commands(box: Box) -> dict[str, Command]:
    """Every command that takes a key, with something to do."""
    acme = box.client("Old")
    bob = box.contact(acme, "Bob")
    jane = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    return {
        "clients.add": lambda ws, key: add_acme(ws, key, references=[("crm", "1")]),
        "contacts.add": lambda ws, key: ws.contacts.add(acme.id, **jane, invite=True, idempotency_key=key),
        "contacts.add_many": lambda ws, key: ws.contacts.add_many(acme.id, [jane], idempotency_key=key),
        "contacts.send_invite": lambda ws, key: ws.contacts.send_invite(bob.id, idempotency_key=key),
        "staff.add": lambda ws, key: ws.staff.add(
            first_name="Ada", last_name="Byron", email="ada@northwind.example", roles={"editor"}, idempotency_key=key
        ),
    }


NEEDED = {
    "clients.add": "representative",
    "contacts.add": "account_manager",
    "contacts.add_many": "account_manager",
    "contacts.send_invite": "representative",
    "staff.add": "editor",
}
"""Who may not do it."""


@pytest.mark.parametrize("name", NEEDED)
def test_sent_again_it_changes_nothing_and_answers_the_same(box: Box, name: str) -> None:
    command = commands(box)[name]
    first = command(box.ws, KEY)
    before = box.dump()
    box.later(days=29)
    assert command(box.ws, KEY) == first
    assert box.dump() == before
    assert command(box.again().ws, KEY) == first


@pytest.mark.parametrize("name", NEEDED)
def test_whoever_may_no_longer_do_it_is_not_answered_either(box: Box, name: str) -> None:
    command = commands(box)[name]
    command(box.ws, KEY)
    with pytest.raises(ForbiddenError):
        command(box.staff(NEEDED[name], reference="ada"), KEY)
    assert box.actions()[-1] == "denied"


def test_every_command_with_a_key_is_among_these() -> None:
    from inspect import signature  # noqa: PLC0415 - only here
    from typing import get_type_hints  # noqa: PLC0415 - only here

    taking = set()
    for group in ("clients", "contacts", "access", "staff", "audit"):
        kind = get_type_hints(cast("property", getattr(Workspace, group)).fget)["return"]
        for name, method in vars(kind).items():
            if callable(method) and "idempotency_key" in signature(method).parameters:
                taking.add(f"{group}.{name}")
    assert taking == set(NEEDED)


def test_the_answer_is_that_of_the_first_time(box: Box) -> None:
    acme = add_acme(box.ws)
    box.ws.clients.set_status(acme.id, "paused")
    assert add_acme(box.ws).status == "active"


def test_without_a_key_it_is_done_again(box: Box) -> None:
    assert add_acme(box.ws, None).id != add_acme(box.ws, None).id
    assert box.dump()[KEPT_ANSWERS.name] == ()


def test_a_key_means_one_command_of_one_actor(box: Box) -> None:
    acme = add_acme(box.ws)
    before = box.dump()
    others: dict[str, Callable[[], object]] = {
        "another name": lambda: add_acme(box.ws, name="Acme Ltd"),
        "one argument more": lambda: add_acme(box.ws, references=[("crm", "1")]),
        "another command": lambda: box.contact(acme, idempotency_key=KEY),
        "another actor": lambda: add_acme(box.system),
        "another of the staff": lambda: add_acme(box.staff("administrator")),
    }
    for name, other in others.items():
        with pytest.raises(IdempotencyConflictError) as refused:
            other()
        assert (name, refused.value.violations[0].field) == (name, "idempotency_key")
    assert box.dump() == before
    assert add_acme(box.neighbour().ws).id != acme.id


def test_a_refused_command_leaves_its_key_free(box: Box) -> None:
    box.client("Old", references=[("crm", "1")])
    before = box.dump()
    with pytest.raises(DuplicateReferenceError):
        add_acme(box.ws, references=[("crm", "1")])
    with pytest.raises(InvalidInputError):
        add_acme(box.ws, name="")
    assert box.dump() == before
    with pytest.raises(ForbiddenError):
        add_acme(box.staff("operations_lead"))
    assert add_acme(box.ws).name == "Acme"


def test_a_refusal_that_leaves_something_behind_frees_its_key_too(storage: Storage) -> None:
    box = Box(storage)

    def refusing(work: Work, name: str) -> Client:
        work.uow.next_number(name)
        raise Recorded(LimitError([]))

    for name in ("a", "b"):
        with pytest.raises(LimitError):
            box.ws.clients._calls.write_once(KEY, "clients.add", Client, refusing, name)  # noqa: SLF001 - of our own
    assert box.dump()[KEPT_ANSWERS.name] == ()
    with box.storage.unit_of_work(box.tenant) as uow:
        assert uow.next_number("a") == 2
    add_acme(box.ws)


@pytest.mark.parametrize("pruned", [False, True], ids=["kept", "pruned"])
def test_a_key_is_free_again_when_its_time_is_over(box: Box, *, pruned: bool) -> None:
    box = box.again(rules=Rules(retention=RetentionRules(idempotency_keys=timedelta(hours=1))))
    acme = add_acme(box.ws)
    box.later(hours=1, microseconds=-1)
    assert add_acme(box.ws) == acme
    box.later(microseconds=1)
    if pruned:
        assert box.manager.upkeep(tenants=[box.tenant]).done["idempotency_keys"] == 1
    bolt = add_acme(box.ws, name="Bolt")
    assert bolt.id != acme.id
    box.later(minutes=59)
    assert add_acme(box.ws, name="Bolt") == bolt
    with pytest.raises(IdempotencyConflictError):
        add_acme(box.ws)
    assert len(box.dump()[KEPT_ANSWERS.name]) == 1


def test_inside_a_block_a_key_lasts_as_long_as_the_rest(box: Box) -> None:
    with LeftBy(RuntimeError), box.ws.transaction() as tx:
        undone = add_acme(tx)
        assert add_acme(tx) == undone
        with pytest.raises(IdempotencyConflictError):
            add_acme(tx, name="Bolt")
        raise RuntimeError
    with box.ws.transaction() as tx:
        acme = add_acme(tx)
        with pytest.raises(DuplicateContactError):
            [box_contact(tx, acme, key) for key in ("one", "two")]
        assert box_contact(tx, acme, "one").name == "Jane Doe"
    assert acme.id != undone.id
    assert add_acme(box.ws) == acme
    with box.ws.transaction() as tx:
        assert add_acme(tx) == acme
    assert sorted(box.actions()) == ["client_added", "contact_added"]
    assert len(box.dump()[KEPT_ANSWERS.name]) == 2, "the refused one has left nothing"


def box_contact(ws: Workspace, client: Client, key: str) -> Any:  # noqa: ANN401 - a contact
    return ws.contacts.add(
        client.id, first_name="Jane", last_name="Doe", email="jane@acme.example", idempotency_key=key
    )


SAME: list[Callable[[], object]] = [
    lambda: [("crm", "1"), ("erp", "2")],
    lambda: (("crm", "1"), ("erp", "2")),
    lambda: iter([("crm", "1"), ("erp", "2")]),
    lambda: (pair for pair in [["crm", "1"], ["erp", "2"]]),
]


def test_arguments_are_compared_by_what_they_hold(box: Box) -> None:
    answers = {add_acme(box.ws, references=references()).id for references in SAME}
    assert len(answers) == 1
    (acme,) = answers
    assert box.ws.clients.references(acme) == (ExternalReference("crm", "1"), ExternalReference("erp", "2"))
    many = {("crm", str(number)) for number in range(10, 30)}
    bolt = add_acme(box.ws, "set", references=many)
    assert add_acme(box.ws, "set", references=frozenset(sorted(many, reverse=True))) == bolt
    assert add_acme(box.ws, "enum", kind=ClientKind.PERSON) == add_acme(box.ws, "enum", kind="person")


def test_fingerprints_tell_values_and_types_apart() -> None:
    class Twin:
        def __str__(self) -> str:
            return "1"

    values: list[object] = [
        None,
        1,
        "1",
        True,
        1.0,
        float("nan"),
        Twin(),
        b"1",
        {"1"},
        [1],
        [["1"], "1"],
        ["1", ["1"]],
        {1: "1"},
        {"1": "1"},
        {"1": 1, 1: "1"},
        {"Twin": "1"},
        {},
        (),
        "\ud800",
        ClientKind.PERSON,
    ]
    prints = [fingerprint("add", "staff:ada", (value,), {}) for value in values]
    assert len(set(prints)) == len(prints)
    assert fingerprint("add", "staff:ada", (), {"a": 1, "b": {2: 3, 4: 5}}) == fingerprint(
        "add", "staff:ada", (), {"b": {4: 5, 2: 3}, "a": 1}
    )
    assert fingerprint("add", "staff:ada", ("x",), {}) != fingerprint("add", "staff:adax", (), {})


def circle() -> list[object]:
    found: list[object] = []
    found.append(found)
    return found


@pytest.mark.parametrize("value", [circle(), 10**5000], ids=["circle", "long number"])
def test_arguments_that_cannot_be_compared_are_refused(memory_box: Box, value: object) -> None:
    before = memory_box.dump()
    with pytest.raises(InvalidInputError):
        add_acme(memory_box.ws, references=value)
    assert memory_box.dump() == before


class Unlucky(InMemoryStorage):
    """``trouble`` happens once, in the next unit that writes: before its work, or at its end."""

    trouble: Exception | None = None
    at_end = False

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        trouble = None if read_only else self.trouble
        if trouble is not None:
            self.trouble = None
        with super().unit_of_work(tenant, read_only=read_only) as uow:
            yield uow
            if trouble is not None and not self.at_end:
                raise trouble
        if trouble is not None:
            raise trouble


@pytest.mark.parametrize("key", [None, KEY])
def test_what_is_run_again_finds_all_its_arguments(key: str | None) -> None:
    store = Unlucky()
    box = Box(store)
    store.trouble = UniqueViolation("clients", "id")
    acme = add_acme(box.ws, key, references=(pair for pair in [("crm", "1")]))
    assert box.ws.clients.references(acme.id) == (ExternalReference("crm", "1"),)
    assert len(box.ws.clients.list()) == 1


@pytest.mark.parametrize("committed", [False, True])
def test_a_commit_of_which_nobody_knows_is_settled_by_the_key(*, committed: bool) -> None:
    store = Unlucky()
    box = Box(store)
    store.trouble, store.at_end = CommitUnknownError("the connection broke"), committed
    acme = add_acme(box.ws)
    assert [client.id for client in box.ws.clients.list()] == [acme.id]
    store.trouble = CommitUnknownError("the connection broke")
    with pytest.raises(CommitUnknownError):
        add_acme(box.ws, None, name="Bolt")


def test_a_key_that_is_pruned_while_it_is_asked_for_is_taken_the_next_time() -> None:
    class Hesitant(InMemoryUnitOfWork):
        def add_if_absent(self, *args: Any) -> bool:  # noqa: ANN401 - passed on
            hesitations.append(1)
            return len(hesitations) > 1 and super().add_if_absent(*args)

    class Store(InMemoryStorage):
        unit_type = Hesitant

    hesitations: list[int] = []
    box = Box(Store())
    assert add_acme(box.ws).name == "Acme"
    assert hesitations == [1, 1]


def test_a_malformed_key_is_refused_before_anything_begins() -> None:
    store = Unlucky()
    box = Box(store)
    store.trouble = CommitUnknownError("begun")
    with pytest.raises(InvalidInputError):
        add_acme(box.ws, "")
    assert store.trouble is not None
