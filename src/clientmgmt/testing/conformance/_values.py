"""What is stored comes back as it was, in its tenant only."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from clientmgmt.errors import NotFoundError
from clientmgmt.ports.storage import Storage
from clientmgmt.testing.conformance._base import OTHER_TENANT, SHELF, TENANT, book, keep, kept
from clientmgmt.testing.kit import (
    BOOKS,
    JOBS,
    MIDNIGHT,
    PLACED_BOOKS,
    SAMPLES,
    SHELVES,
    Amount,
    Colour,
    Job,
    Place,
    Sample,
    Shelf,
    uid,
)

FULL = Sample(
    id=uid(7),
    text="Zoë \N{GRINNING FACE} 'x' \"y\" \\ % _ \r\n\t end ",
    note="",
    number=-(2**63),
    flag=True,
    at=datetime(2031, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    maybe_at=datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=UTC),
    day=date(1900, 2, 28),
    price=Decimal("-123456789012.123456"),
    colour=Colour.GREEN,
    other=uid(2**61),
    maybe_other=uid(3),
    place=Place("Ljubljana", "Čopova 1"),
    amount=Amount(Decimal("0.000001"), "EUR"),
    tags=("b", "", "a", "b"),
    facts={"z": "1", "a": "\N{GRINNING FACE}", "": ""},
    places=(Place("b", "c"), Place("", None)),
)


def spoil(mapping: object) -> None:
    """Empty a mapping, if it lets one."""
    if isinstance(mapping, MutableMapping):
        mapping.clear()


class ValueConformance:
    """Values, absence, and the walls between tenants."""

    def test_a_value_of_every_type_comes_back_equal(self, storage: Storage) -> None:
        """An entity that was added is equal to what is read in another unit."""
        keep(storage, SAMPLES, FULL)
        assert kept(storage, SAMPLES) == (FULL,)

    def test_missing_values_come_back_missing(self, storage: Storage) -> None:
        """``None`` is kept apart from the empty text, the empty tuple and the value object of empty parts."""
        empty = Sample(id=uid(7))
        keep(storage, SAMPLES, empty)
        assert kept(storage, SAMPLES) == (empty,)

    def test_values_come_back_with_their_types(self, storage: Storage) -> None:
        """Enumerations, decimals, booleans, ids and times have the types that were declared."""
        keep(storage, SAMPLES, FULL)
        (found,) = kept(storage, SAMPLES)
        for name, value in attrs.asdict(FULL, recurse=False).items():
            if name != "facts":
                assert type(getattr(found, name)) is type(value), name
        assert found.at.utcoffset() == timedelta(0)
        assert dict(found.facts) == FULL.facts

    def test_a_saved_value_of_every_type_comes_back_equal(self, storage: Storage) -> None:
        """Saving writes every field, also from a value to ``None`` and back."""
        keep(storage, SAMPLES, Sample(id=FULL.id), attrs.evolve(FULL, id=uid(8)))
        with storage.unit_of_work(TENANT) as uow:
            full = uow.save(SAMPLES, FULL)
            empty = uow.save(SAMPLES, Sample(id=uid(8)))
        assert kept(storage, SAMPLES) == (full, empty)

    def test_what_is_answered_is_the_askers_own(self, storage: Storage) -> None:
        """Nobody changes what is stored by changing what was handed in, or what was answered."""
        facts = {"a": "1"}
        sample = Sample(id=uid(1), facts=facts)
        keep(storage, SAMPLES, sample)
        facts["a"] = "changed after adding"
        with storage.unit_of_work(TENANT) as uow:
            spoil(uow.save(SAMPLES, uow.get(SAMPLES, uid(1))).facts)
            spoil(uow.get(SAMPLES, uid(1)).facts)
            spoil(uow.find(SAMPLES)[0].facts)
            spoil(uow.get_many(SAMPLES, [uid(1)])[uid(1)].facts)
            spoil(uow.get_many(SAMPLES, [uid(1)]))
            assert dict(uow.get(SAMPLES, uid(1)).facts) == {"a": "1"}
        assert [dict(row.facts) for row in kept(storage, SAMPLES)] == [{"a": "1"}]

    def test_the_greatest_number_comes_back(self, storage: Storage) -> None:
        """Numbers have 64 bits."""
        keep(storage, SAMPLES, Sample(id=uid(1), number=2**63 - 1))
        assert kept(storage, SAMPLES)[0].number == 2**63 - 1

    def test_a_decimal_is_a_number_not_its_spelling(self, storage: Storage) -> None:
        """1.50 is stored, found and ordered like 1.5."""
        keep(storage, SAMPLES, Sample(id=uid(1), price=Decimal("1.50")), Sample(id=uid(2), price=Decimal(10)))
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            (found,) = uow.find(SAMPLES, SAMPLES.price.eq(Decimal("1.5")))
            assert found.price == Decimal("1.5")
            assert len(uow.find(SAMPLES, SAMPLES.price.gt(Decimal("1.5")))) == 1

    def test_huge_text_comes_back(self, storage: Storage) -> None:
        """Text is not cut."""
        huge = Sample(id=uid(1), note="\N{GRINNING FACE}ab\n" * 250_000)
        keep(storage, SAMPLES, huge)
        assert kept(storage, SAMPLES) == (huge,)

    def test_what_was_written_is_read_in_the_same_unit(self, storage: Storage) -> None:
        """A unit sees its own writes at once, whatever verb it reads with."""
        with storage.unit_of_work(TENANT) as uow:
            uow.add(SHELVES, SHELF)
            assert uow.get(SHELVES, SHELF.id) == SHELF
            renamed = uow.save(SHELVES, attrs.evolve(SHELF, name="new"))
            assert uow.find(SHELVES, SHELVES.name_.eq("new")) == (renamed,)
            assert uow.get_many(SHELVES, [SHELF.id]) == {SHELF.id: renamed}
            uow.remove(SHELVES, SHELF.id)
            assert uow.count(SHELVES) == 0

    def test_a_missing_id_is_not_found(self, storage: Storage) -> None:
        """``get`` raises NotFoundError, with and without a lock, and the unit goes on."""
        with storage.unit_of_work(TENANT) as uow:
            with pytest.raises(NotFoundError):
                uow.get(SHELVES, SHELF.id)
            with pytest.raises(NotFoundError):
                uow.get(SHELVES, SHELF.id, lock=True)
            uow.add(SHELVES, SHELF)
        assert kept(storage, SHELVES) == (SHELF,)

    def test_get_many_leaves_out_what_is_missing(self, storage: Storage) -> None:
        """``get_many`` answers those that are there, by id; with a lock too; of no ids, none."""
        keep(storage, SHELVES, SHELF, Shelf(id=uid(2), code="B"))
        with storage.unit_of_work(TENANT) as uow:
            for lock in (False, True):
                found = uow.get_many(SHELVES, [uid(2), uid(99), SHELF.id, uid(2)], lock=lock)
                assert found == {SHELF.id: SHELF, uid(2): Shelf(id=uid(2), code="B")}
                assert uow.get_many(SHELVES, [], lock=lock) == {}

    def test_other_tenants_are_not_read(self, storage: Storage) -> None:
        """No reading verb sees an entity of another tenant."""
        keep(storage, SHELVES, SHELF)
        keep(storage, BOOKS, book(5))
        with storage.unit_of_work(OTHER_TENANT) as uow:
            with pytest.raises(NotFoundError):
                uow.get(SHELVES, SHELF.id)
            assert uow.get_many(SHELVES, [SHELF.id]) == {}
            assert uow.find(SHELVES) == uow.find(SHELVES, SHELVES.code.eq("A")) == ()
            assert uow.find(SHELVES, order=SHELVES.name_.asc(), limit=5) == ()
            assert uow.find(PLACED_BOOKS, BOOKS.id.eq(uid(5))) == ()
            assert uow.count(SHELVES) == uow.count(PLACED_BOOKS) == 0

    def test_other_tenants_are_not_written(self, storage: Storage) -> None:
        """No writing verb touches an entity of another tenant."""
        keep(storage, SHELVES, SHELF)
        keep(storage, JOBS, Job(id=uid(2), lane="x"))
        with storage.unit_of_work(OTHER_TENANT) as uow:
            with pytest.raises(NotFoundError):
                uow.save(SHELVES, SHELF)
            assert uow.remove(SHELVES, SHELF.id) == 0
            assert uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=9) == ()
        assert kept(storage, SHELVES) == (SHELF,)
        assert kept(storage, JOBS) == (Job(id=uid(2), lane="x"),)

    def test_tenants_may_have_the_same_ids_and_keys(self, storage: Storage) -> None:
        """Ids and unique keys are unique within a tenant; a join stays in its tenant."""
        for tenant, room in ((TENANT, "hall"), (OTHER_TENANT, "cellar")):
            keep(storage, SHELVES, attrs.evolve(SHELF, room=room), tenant=tenant)
            keep(storage, BOOKS, book(5), tenant=tenant)
        with storage.unit_of_work(OTHER_TENANT, read_only=True) as uow:
            assert uow.find(PLACED_BOOKS) == ((book(5), attrs.evolve(SHELF, room="cellar")),)

    def test_tenants_are_compared_exactly(self, storage: Storage) -> None:
        """Neither case nor a character that other software may fold makes two tenants one."""
        for tenant in ("acme", "ACME", "acme.", "a%", "a_"):
            keep(storage, SHELVES, SHELF, tenant=tenant)
        assert storage.tenants(SHELVES) == ("ACME", "a%", "a_", "acme", "acme.")

    def test_tenants_are_listed_in_pages(self, storage: Storage) -> None:
        """``tenants`` names those that have entities, in order, after a name, up to a limit."""
        for tenant in ("c", "a", "b"):
            keep(storage, SHELVES, SHELF, tenant=tenant)
        keep(storage, JOBS, Job(id=uid(1), lane="x"), tenant="d")
        with storage.unit_of_work("b") as uow:
            uow.remove(SHELVES, SHELF.id)
        assert storage.tenants(SHELVES) == ("a", "c")
        assert storage.tenants(SHELVES, limit=1) == ("a",)
        assert storage.tenants(SHELVES, after="a", limit=5) == ("c",)
        assert storage.tenants(SHELVES, after="c") == ()
