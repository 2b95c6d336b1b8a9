"""A connection that breaks: before the commit nothing was, during it nobody knows, after it all is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
from clientmgmt.adapters.sqlalchemy.django import DjangoStorage
from clientmgmt.adapters.sqlalchemy.failures import is_lost
from clientmgmt.errors import (
    ClientMgmtError,
    CommitUnknownError,
    ConnectionLostError,
    StorageError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.ports import Storage, UnitOfWork
from clientmgmt.testing.kit import KIT, LABELS, SHELVES, Label, Shelf, uid
from tests.box import Box
from tests.django_site import database, postgresql
from tests.faults.proxy import COMMIT, Proxy, When

SHELF = Shelf(id=uid(1), code="A")
LABEL = Label(id=uid(1), key="a", shelf_id=SHELF.id)


def write(storage: Storage) -> None:
    with storage.unit_of_work("t") as uow:
        fill(uow)


def fill(uow: UnitOfWork) -> None:
    uow.add(SHELVES, SHELF)
    uow.add(LABELS, LABEL)


def written(storage: Storage) -> bool:
    """Whether all of :func:`write` is there; half of it fails."""
    with storage.unit_of_work("t", read_only=True) as uow:
        counts = uow.count(SHELVES), uow.count(LABELS)
    assert counts in {(0, 0), (1, 1)}
    return counts == (1, 1)


@pytest.mark.parametrize("when", [When.UNSENT, When.UNANSWERED])
def test_a_statement_that_is_cut_off_leaves_nothing(
    proxied_kit: SQLStorage, kit: SQLStorage, proxy: Proxy, when: When
) -> None:
    written(proxied_kit)
    proxy.cut(when, b"INSERT INTO")
    with pytest.raises(ConnectionLostError):
        write(proxied_kit)
    assert proxy.has_cut
    assert not written(kit)


def test_a_connection_that_goes_before_the_commit_is_noticed_before_the_commit(
    proxied_kit: SQLStorage, kit: SQLStorage, proxy: Proxy
) -> None:
    def lose(uow: UnitOfWork) -> None:
        fill(uow)
        proxy.cut_now()

    with pytest.raises(ConnectionLostError, match="before the commit"), proxied_kit.unit_of_work("t") as uow:
        lose(uow)
    assert not written(kit)


@pytest.mark.parametrize(("when", "is_there"), [(When.UNSENT, False), (When.UNANSWERED, True)])
def test_nobody_knows_what_became_of_a_commit_that_is_not_answered(
    proxied_kit: SQLStorage, kit: SQLStorage, proxy: Proxy, when: When, *, is_there: bool
) -> None:
    written(proxied_kit)
    proxy.cut(when, COMMIT)
    with pytest.raises(CommitUnknownError) as raised:
        write(proxied_kit)
    assert not isinstance(raised.value, TransactionConflictError)
    assert proxy.has_cut
    assert written(kit) is is_there


def test_a_commit_that_was_answered_is_a_commit(proxied_kit: SQLStorage, kit: SQLStorage, proxy: Proxy) -> None:
    written(proxied_kit)
    proxy.cut(When.ANSWERED, COMMIT)
    write(proxied_kit)
    assert proxy.has_cut
    assert written(kit)


@pytest.mark.parametrize("when", [When.UNSENT, When.UNANSWERED])
def test_the_end_of_a_reading_unit_is_never_unknown(proxied_kit: SQLStorage, proxy: Proxy, when: When) -> None:
    written(proxied_kit)
    proxy.cut(when, COMMIT)
    with pytest.raises(ConnectionLostError):
        written(proxied_kit)
    assert proxy.has_cut
    assert not written(proxied_kit)


def test_after_a_loss_no_connection_of_the_pool_is_used_again(proxied_kit: SQLStorage, proxy: Proxy) -> None:
    """One unit finds out, the next ones have fresh connections, without a question before each."""
    with (
        proxied_kit.unit_of_work("t", read_only=True) as first,
        proxied_kit.unit_of_work("t", read_only=True) as second,
        proxied_kit.unit_of_work("t", read_only=True) as third,
    ):
        assert {uow.count(SHELVES) for uow in (first, second, third)} == {0}
    proxy.cut_now()
    with pytest.raises(ConnectionLostError):
        written(proxied_kit)
    write(proxied_kit)
    with (
        proxied_kit.unit_of_work("t", read_only=True) as first,
        proxied_kit.unit_of_work("t", read_only=True) as second,
    ):
        assert {uow.count(SHELVES) for uow in (first, second)} == {1}


def test_a_loss_that_the_host_swallows_is_found_at_the_end(proxied_kit: SQLStorage, proxy: Proxy) -> None:
    def swallow(uow: UnitOfWork) -> None:
        fill(uow)
        proxy.cut_now()
        with pytest.raises(sa.exc.DBAPIError):
            connection_of(uow).exec_driver_sql("SELECT 1")

    with pytest.raises(ConnectionLostError), proxied_kit.unit_of_work("t") as uow:
        swallow(uow)
    assert not written(proxied_kit)


def test_a_loss_inside_a_savepoint_spoils_all_of_the_unit(proxied_kit: SQLStorage, proxy: Proxy) -> None:
    def swallow(uow: UnitOfWork) -> None:
        with pytest.raises(ConnectionLostError), uow.savepoint():
            fill_and_lose(uow)

    def fill_and_lose(uow: UnitOfWork) -> None:
        uow.add(SHELVES, SHELF)
        proxy.cut_now()
        uow.add(LABELS, LABEL)

    with pytest.raises(TransactionError, match="spoilt"), proxied_kit.unit_of_work("t") as uow:
        swallow(uow)
    assert not written(proxied_kit)


def test_a_command_that_loses_its_connection_anywhere_is_done_once_or_said_to_be_unknown(
    proxied_store: SQLStorage, proxy: Proxy, schema: str, postgres_engine: sa.Engine
) -> None:
    """Every request of a command is cut off in turn, before it arrives and before it is answered."""
    beside = SQLStorage(postgres_engine, schema=schema)
    for when in (When.UNSENT, When.UNANSWERED):
        rounds = 1
        is_unknown(proxied_store, beside, proxy, when, rounds)
        while proxy.has_cut:
            rounds += 1
            is_unknown(proxied_store, beside, proxy, when, rounds)
        assert rounds > 6
        assert is_unknown(proxied_store, beside, proxy, when, COMMIT)


def is_unknown(storage: SQLStorage, beside: SQLStorage, proxy: Proxy, when: When, request: bytes | int) -> bool:
    """Whether the command's end was unknown; that it was done wholly and once, or not at all, is asserted."""
    proxy.cut_nothing()
    storage.close()  # each round with a fresh connection, which remembers no statements
    box = Box(storage)
    acme = box.client()
    proxy.cut(when, request)
    try:
        box.contact(acme, invite=True)
    except CommitUnknownError:
        unknown = True
    else:
        unknown = False
    there = Box(beside, tenant=box.tenant)
    stored = there.dump()
    counts = {len(stored[name]) for name in ("users", "memberships", "invitations", "outbox")}
    assert counts == ({int(when is When.UNANSWERED)} if unknown else {1})
    assert there.actions() == (
        ["client_added", "contact_added", "contact_invited"] if counts == {1} else ["client_added"]
    )
    return unknown


def test_a_reading_command_does_not_notice(proxied_store: SQLStorage, proxy: Proxy) -> None:
    box = Box(proxied_store)
    acme = box.client()
    for when in (When.UNSENT, When.UNANSWERED):
        proxy.cut(when, 1)
        assert box.ws.clients.get(acme.id) == acme
        assert proxy.has_cut
        proxy.cut(when, COMMIT)
        assert box.ws.clients.get(acme.id) == acme
        assert proxy.has_cut


def test_a_database_that_is_not_there_is_an_error_of_the_store(proxy: Proxy) -> None:
    storage = SQLStorage(proxy.url)
    proxy.close()
    with pytest.raises(StorageError, match="cannot be reached") as raised, storage.unit_of_work("t"):
        pass
    assert not isinstance(raised.value, TransactionConflictError)
    storage.close()


def test_asyncpg_tells_of_a_loss_as_well(postgres_url: str) -> None:
    async def look() -> tuple[bool, bool]:
        engine = create_async_engine(sa.make_url(postgres_url).set(drivername="postgresql+asyncpg"))
        async with engine.connect() as connection:
            before = await connection.run_sync(is_lost)
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            raw.driver_connection.terminate()
            after = await connection.run_sync(is_lost)
            await connection.invalidate()
        await engine.dispose()
        return before, after

    assert asyncio.run(look()) == (False, True)


@pytest.fixture
def proxied_django(proxy: Proxy, kit_schema: str) -> Iterator[DjangoStorage]:
    """The kit in PostgreSQL by way of the proxy, over a connection of Django's."""
    with database(postgresql(str(proxy.url)) | {"OPTIONS": {"options": f"-csearch_path={kit_schema}"}}) as alias:
        yield DjangoStorage(alias, collections=KIT)


@pytest.mark.parametrize(("when", "is_there"), [(When.UNSENT, False), (When.UNANSWERED, True)])
def test_nobody_knows_what_became_of_a_commit_of_django_that_is_not_answered(
    proxied_django: DjangoStorage, kit: SQLStorage, proxy: Proxy, when: When, *, is_there: bool
) -> None:
    written(proxied_django)
    proxy.cut(when, COMMIT)
    with pytest.raises(CommitUnknownError):
        write(proxied_django)
    assert proxy.has_cut
    assert written(kit) is is_there
    assert written(proxied_django) is is_there


def test_a_statement_through_django_that_is_cut_off_leaves_nothing(
    proxied_django: DjangoStorage, kit: SQLStorage, proxy: Proxy
) -> None:
    written(proxied_django)
    proxy.cut(When.UNANSWERED, b"INSERT INTO")
    with pytest.raises(ConnectionLostError):
        write(proxied_django)
    assert not written(kit)


def test_the_end_of_a_reading_block_of_django_is_never_unknown(proxied_django: DjangoStorage, proxy: Proxy) -> None:
    written(proxied_django)
    proxy.cut(When.UNANSWERED, COMMIT)
    with pytest.raises(ConnectionLostError):
        written(proxied_django)


def test_an_unknown_end_is_one_error_for_the_public() -> None:
    assert issubclass(CommitUnknownError, ClientMgmtError)
    assert CommitUnknownError.http_status == 503
