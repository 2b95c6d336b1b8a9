"""What one process does inside transactions of a host while seven others do the same. Imported by all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.orm import Session

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.sqlalchemy.django import DjangoStorage
from clientmgmt.errors import TransactionConflictError
from clientmgmt.ports import Storage
from clientmgmt.testing.kit import KIT, LABELS, SHELVES, Label, uid
from tests.django_site import database, postgresql, sqlite
from tests.races.workers import wait_for_all

__all__ = ["SHELF_ID", "Ledger", "add_in_turns"]

SHELF_ID = uid(1)
_TRIES = 1000

Write = Callable[[str], object]


@attrs.frozen
class Ledger:
    """Where a host keeps a row of its own for every label that it added; ``kind`` is how it joins."""

    kind: str
    url: str
    schema: str | None

    @property
    def table(self) -> str:
        return f"{self.schema}.host_rows" if self.schema else "host_rows"


def add_in_turns(hand: int, ledger: Ledger, keys: int) -> int:
    """Add a label for each key unless it is there, count it on the shelf, and write a row of the host's: how many."""
    open_host = on_django if ledger.kind == "django" else on_session
    with open_host(ledger) as begin:
        wait_for_all()
        return sum(_add(begin, f"key {number}", uid(1000 * (hand + 1) + number)) for number in range(keys))


def _add(begin: Callable[[], AbstractContextManager[tuple[Storage, Write]]], key: str, label: Any) -> bool:  # noqa: ANN401 - an id
    """The host runs its transaction again when ours lost against another: that is its part."""
    for _ in range(_TRIES):
        try:
            with begin() as (storage, write):
                with storage.unit_of_work("t") as uow:
                    added = uow.add_if_absent(LABELS, Label(id=label, key=key))
                    shelf = uow.get(SHELVES, SHELF_ID, lock=added)
                    if added:
                        uow.save(SHELVES, attrs.evolve(shelf, name=f"{int(shelf.name) + 1}"))
                if added:
                    write(key)
        except TransactionConflictError:
            continue
        return added
    message = "lost against others every time"
    raise AssertionError(message)


@contextmanager
def on_session(ledger: Ledger) -> Iterator[Callable[[], AbstractContextManager[tuple[Storage, Write]]]]:
    engine = sa.create_engine(ledger.url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    storage = SQLStorage(engine, schema=ledger.schema, collections=KIT)

    @contextmanager
    def begin() -> Iterator[tuple[Storage, Write]]:
        with Session(engine) as session, session.begin():
            insert = sa.text(f"INSERT INTO {ledger.table} VALUES (:key)")  # noqa: S608 - a constant
            yield storage.joined(session), lambda key: session.execute(insert, {"key": key})

    yield begin
    engine.dispose()


@contextmanager
def on_django(ledger: Ledger) -> Iterator[Callable[[], AbstractContextManager[tuple[Storage, Write]]]]:
    path = sa.make_url(ledger.url).database
    with database(postgresql(ledger.url) if ledger.schema else sqlite(str(path))) as alias:
        from django.db import connections, transaction  # noqa: PLC0415 - needs to be set up before

        storage = DjangoStorage(alias, schema=ledger.schema, collections=KIT)

        def write(key: str) -> None:
            with connections[alias].cursor() as cursor:
                cursor.execute(f"INSERT INTO {ledger.table} VALUES (%s)", [key])  # noqa: S608 - the same

        @contextmanager
        def begin() -> Iterator[tuple[Storage, Write]]:
            with transaction.atomic(using=alias):
                yield storage, write

        yield begin
