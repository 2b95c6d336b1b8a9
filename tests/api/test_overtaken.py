"""What a command does when somebody else is faster between its reading and its writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from clientmgmt import NotFoundError, UserId
from clientmgmt._usecases import desk
from clientmgmt.adapters.memory import InMemoryStorage, InMemoryUnitOfWork
from clientmgmt.errors import StaleVersionError, TransactionConflictError
from clientmgmt.ports import UnitOfWork
from clientmgmt.ports.collections import MEMBERSHIPS, USERS
from clientmgmt.testing import FastHasher, SequentialIds
from tests.box import PASSWORD, Box

OTHER = "the other password"


class Rival(InMemoryStorage):
    """A store in which ``deed`` happens once, just before the next lock or the next conditional add."""

    deed: Callable[[InMemoryUnitOfWork], object] | None = None

    def __init__(self) -> None:
        super().__init__()
        rival = self

        class Overtaken(InMemoryUnitOfWork):
            def get(self, *args: Any, lock: bool = False, **options: Any) -> Any:  # noqa: ANN401 - passed on
                if lock and args[0] is USERS:
                    rival.strike(self)
                return super().get(*args, lock=lock, **options)

            def add_if_absent(self, *args: Any) -> bool:  # noqa: ANN401 - passed on
                rival.strike(self)
                return super().add_if_absent(*args)

        self.unit_type = Overtaken

    def strike(self, uow: InMemoryUnitOfWork) -> None:
        deed, self.deed = self.deed, None
        if deed is not None:
            deed(uow)


class Busy(InMemoryStorage):
    """A store in which the next unit that writes loses against another one."""

    losses = 0

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        if self.losses and not read_only:
            self.losses -= 1
            raise TransactionConflictError
        with super().unit_of_work(tenant, read_only=read_only) as uow:
            yield uow


def test_a_worker_that_loses_against_another_tries_again() -> None:
    store = Busy()
    box = Box(store)
    box.contact(box.client(), invite=True)
    store.losses = 1
    assert box.deliver().sent == 1
    assert store.losses == 0


def test_who_loses_every_time_is_told_so_after_eight_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "_FIRST_WAIT", 0)
    store = Busy()
    box = Box(store)
    store.losses = 99
    with pytest.raises(TransactionConflictError):
        box.client()
    assert store.losses == 99 - 8


def test_a_contact_that_somebody_else_removed_first_is_gone() -> None:
    store = Rival()
    box = Box(store)
    jane = box.contact(box.client())
    store.deed = lambda uow: uow.remove(MEMBERSHIPS, jane.id)
    with pytest.raises(NotFoundError):
        box.ws.contacts.remove(jane.id)


def test_a_user_that_somebody_else_added_first_is_the_one_that_joins() -> None:
    store = Rival()
    box = Box(store)
    acme = box.client()
    bob = box.contact(acme, "Bob")
    with store.unit_of_work(box.tenant) as uow:
        pattern = uow.get(USERS, bob.user_id)
    email = attrs.evolve(pattern.email, address="jane@acme.example", key="jane@acme.example")
    rival = attrs.evolve(pattern, id=UserId(SequentialIds().new()), first_name="Janet", email=email)
    store.deed = lambda uow: InMemoryUnitOfWork.add(uow, USERS, rival)
    jane = box.contact(acme)
    assert (jane.user_id, jane.first_name) == (rival.id, "Jane")


def test_an_address_that_was_taken_for_a_moment_is_tried_again() -> None:
    class Hesitant(InMemoryUnitOfWork):
        def add_if_absent(self, *args: Any) -> bool:  # noqa: ANN401 - passed on
            hesitations.append(1)
            return len(hesitations) > 1 and super().add_if_absent(*args)

    class Store(InMemoryStorage):
        unit_type = Hesitant

    hesitations: list[int] = []
    box = Box(Store())
    assert box.contact(box.client()).name == "Jane Doe"
    assert hesitations == [1, 1]


def test_a_password_that_was_chosen_by_another_link_meanwhile_stays() -> None:
    class Slow(FastHasher):
        """While it hashes, the same person accepts another invitation."""

        def hash(self, password: str, /) -> str:
            if waiting:
                box.door.accept_invite(waiting.pop(), password=OTHER)
            return super().hash(password)

    waiting: list[str] = []
    box = Box(InMemoryStorage(), hasher=Slow())
    jane, token = box.invited(box.client())
    _, other = box.invited(box.client("Bolt Ltd"))
    waiting.append(other)
    with pytest.raises(StaleVersionError):
        box.door.accept_invite(token, password=PASSWORD)
    box.sign_in(password=OTHER)
    box.door.accept_invite(token, password=OTHER)
    assert box.now_of(jane).state == "active"
