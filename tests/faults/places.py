"""Databases that processes meet in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clientmgmt import Staff
from clientmgmt.adapters.sqlalchemy import SQLStorage
from tests.races.workers import Place, manager_of

__all__ = ["kind", "new_client", "opened", "upgraded"]


@contextmanager
def opened(place: Place) -> Iterator[SQLStorage]:
    """The store, for one look."""
    storage = SQLStorage(place.url, schema=place.schema)
    try:
        yield storage
    finally:
        storage.close()


def upgraded(place: Place) -> Place:
    with opened(place) as storage:
        storage.upgrade()
    return place


def new_client(place: Place) -> str:
    """The id of a client."""
    manager = manager_of(place)
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    client = ws.clients.add(name="Acme", email="ap@acme.example")
    manager._stores.own.close()  # noqa: SLF001 - it is the race's, and is used once more
    return str(client.id)


def kind(place: Place) -> str:
    """``sqlite`` or ``postgresql``."""
    return place.url.partition(":")[0].partition("+")[0]
