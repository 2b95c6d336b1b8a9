"""The writing verbs: keys, references, versions, numbers."""

# A unit of work that fails is left as a whole.
# ruff: noqa: PT012

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest

from clientmgmt.errors import NotFoundError, TransactionError
from clientmgmt.ports.storage import (
    ReferenceViolation,
    StaleVersion,
    Storage,
    UniqueViolation,
    UnitOfWork,
)
from clientmgmt.testing.capabilities import StorageCapability
from clientmgmt.testing.conformance._base import (
    OTHER_TENANT,
    SHELF,
    TENANT,
    PlannedError,
    book,
    ids,
    keep,
    kept,
)
from clientmgmt.testing.conformance._gaps import needs
from clientmgmt.testing.kit import (
    BOOKS,
    JOBS,
    LABELS,
    MIDNIGHT,
    SHELVES,
    Book,
    Job,
    Label,
    Shelf,
    uid,
)


def taken(storage: Storage, *books: Book) -> tuple[str, str]:
    """The collection and the key that adding these violates."""
    with pytest.raises(UniqueViolation) as caught, storage.unit_of_work(TENANT) as uow:
        uow.add(BOOKS, *books)
    return caught.value.collection, caught.value.key


class WritingConformance:
    """What the writing verbs promise."""

    def test_many_are_added_at_once(self, storage: Storage) -> None:
        """The number of entities has no bound that matters."""
        keep(storage, SHELVES, SHELF)
        keep(storage, BOOKS, *(book(number) for number in range(10, 2_510)))
        assert ids(kept(storage, BOOKS)) == [uid(number) for number in range(10, 2_510)]

    def test_adding_nothing_does_nothing(self, storage: Storage) -> None:
        """``add`` takes no entity as well."""
        keep(storage, SHELVES)
        assert kept(storage, SHELVES) == ()

    def test_a_taken_key_is_named(self, storage: Storage) -> None:
        """UniqueViolation names the collection and the key as they are declared, ``id`` for the id."""
        keep(storage, SHELVES, SHELF)
        keep(storage, BOOKS, book(2, slot="s"))
        assert taken(storage, book(3, serial="serial-2")) == ("kit_books", "kit_book_serial")
        assert taken(storage, book(3, slot="s")) == ("kit_books", "kit_book_place")
        assert taken(storage, book(2, serial="other")) == ("kit_books", "id")
        assert kept(storage, BOOKS) == (book(2, slot="s"),)

    def test_keys_are_unique_within_one_call(self, storage: Storage) -> None:
        """Two new entities collide with each other, and then none is added."""
        keep(storage, SHELVES, SHELF)
        assert taken(storage, book(2, serial="x"), book(3, serial="x")) == ("kit_books", "kit_book_serial")
        assert taken(storage, book(2), book(3, slot="s"), book(4, slot="s")) == (
            "kit_books",
            "kit_book_place",
        )
        assert taken(storage, book(2), book(2, serial="x")) == ("kit_books", "id")
        assert kept(storage, BOOKS) == ()

    def test_a_missing_part_never_collides(self, storage: Storage) -> None:
        """A unique key with a ``None`` part is taken by nobody."""
        keep(storage, SHELVES, SHELF, Shelf(id=uid(2), code="B"))
        books = (book(3), book(4), book(5, slot="s"), book(6, slot="s", shelf_id=uid(2)), book(7, slot=""))
        keep(storage, BOOKS, *books)
        assert kept(storage, BOOKS) == books

    def test_keys_know_case(self, storage: Storage) -> None:
        """Unique text is compared exactly."""
        keep(storage, LABELS, *(Label(id=uid(n), key=key) for n, key in enumerate(("a", "A", "a ", "á"), 1)))
        assert len(kept(storage, LABELS)) == 4

    def test_a_key_is_free_again(self, storage: Storage) -> None:
        """What was removed, or was given another key, gives its old key back, in its unit and after."""
        keep(storage, SHELVES, SHELF, Shelf(id=uid(2), code="B"))
        with storage.unit_of_work(TENANT) as uow:
            uow.save(SHELVES, attrs.evolve(SHELF, code="C"))
            uow.add(SHELVES, Shelf(id=uid(3), code="A"))
            uow.remove(SHELVES, uid(2))
        keep(storage, SHELVES, Shelf(id=uid(4), code="B"), Shelf(id=uid(2), code="D"))
        assert [shelf.code for shelf in kept(storage, SHELVES)] == ["C", "D", "A", "B"]

    def test_saving_to_a_taken_key_is_a_violation(self, storage: Storage) -> None:
        """``save`` keeps its own keys and must not take those of another."""
        keep(storage, SHELVES, SHELF, Shelf(id=uid(2), code="B"))
        with storage.unit_of_work(TENANT) as uow:
            uow.save(SHELVES, attrs.evolve(SHELF, name="new"))
        with pytest.raises(UniqueViolation) as caught, storage.unit_of_work(TENANT) as uow:
            uow.save(SHELVES, Shelf(id=uid(2), code="A"))
        assert (caught.value.collection, caught.value.key) == ("kit_shelves", "kit_shelf_code")
        assert [shelf.code for shelf in kept(storage, SHELVES)] == ["A", "B"]

    def test_add_if_absent_adds(self, storage: Storage) -> None:
        """``True`` means that it is there now."""
        with storage.unit_of_work(TENANT) as uow:
            assert uow.add_if_absent(LABELS, Label(id=uid(1), key="a")) is True
        assert kept(storage, LABELS) == (Label(id=uid(1), key="a"),)

    def test_add_if_absent_lets_be_what_is_there(self, storage: Storage) -> None:
        """``False`` if the id or a key is taken: nothing is written, and the unit goes on."""
        keep(storage, LABELS, Label(id=uid(1), key="a"))
        with storage.unit_of_work(TENANT) as uow:
            assert uow.add_if_absent(LABELS, Label(id=uid(2), key="a")) is False
            assert uow.add_if_absent(LABELS, Label(id=uid(1), key="b")) is False
            assert uow.add_if_absent(LABELS, Label(id=uid(3), key="c")) is True
            assert uow.add_if_absent(LABELS, Label(id=uid(4), key="c")) is False
        assert kept(storage, LABELS) == (Label(id=uid(1), key="a"), Label(id=uid(3), key="c"))

    def test_add_if_absent_checks_references(self, storage: Storage) -> None:
        """What it adds must refer to something that is there."""
        with pytest.raises(ReferenceViolation), storage.unit_of_work(TENANT) as uow:
            uow.add_if_absent(BOOKS, book(2))
        assert kept(storage, BOOKS) == ()

    def test_what_is_referred_to_must_be_there(self, storage: Storage) -> None:
        """Adding or saving with the id of nothing is a violation; that of another tenant is nothing."""
        keep(storage, SHELVES, SHELF, tenant=OTHER_TENANT)
        with pytest.raises(ReferenceViolation), storage.unit_of_work(TENANT) as uow:
            uow.add(BOOKS, book(2))
        keep(storage, SHELVES, SHELF)
        keep(storage, BOOKS, book(2))
        with pytest.raises(ReferenceViolation), storage.unit_of_work(TENANT) as uow:
            uow.save(BOOKS, book(2, shelf_id=uid(99)))
        assert kept(storage, BOOKS) == (book(2),)

    def test_a_missing_reference_is_allowed(self, storage: Storage) -> None:
        """``None`` refers to nothing."""
        keep(storage, SHELVES, SHELF)
        labels = (Label(id=uid(2), key="a"), Label(id=uid(3), key="b", shelf_id=SHELF.id))
        keep(storage, LABELS, *labels)
        assert kept(storage, LABELS) == labels

    def test_what_is_referred_to_is_not_removed(self, storage: Storage) -> None:
        """Removing is a violation as long as another entity refers to it; right is the other way round."""
        keep(storage, SHELVES, SHELF, Shelf(id=uid(2), code="B"))
        keep(storage, BOOKS, book(5))
        with pytest.raises(ReferenceViolation), storage.unit_of_work(TENANT) as uow:
            uow.remove(SHELVES, uid(2), SHELF.id)
        assert ids(kept(storage, SHELVES)) == [uid(1), uid(2)]
        with storage.unit_of_work(TENANT) as uow:
            uow.remove(BOOKS, uid(5))
            assert uow.remove(SHELVES, uid(2), SHELF.id) == 2
        assert kept(storage, SHELVES) == ()

    def test_saving_raises_the_version(self, storage: Storage) -> None:
        """``save`` answers the entity as it is stored now: one version on."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT) as uow:
            saved = uow.save(SHELVES, attrs.evolve(SHELF, name="x"))
            assert saved == attrs.evolve(SHELF, name="x", version=2)
            again = uow.save(SHELVES, saved)
        assert again.version == 3
        assert kept(storage, SHELVES) == (again,)

    def test_an_old_version_is_stale(self, storage: Storage) -> None:
        """Neither an older nor a newer version is saved; the unit goes on."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT) as uow:
            saved = uow.save(SHELVES, SHELF)
        with storage.unit_of_work(TENANT) as uow:
            for version in (1, 3):
                with pytest.raises(StaleVersion) as caught:
                    uow.save(SHELVES, attrs.evolve(SHELF, name="lost", version=version))
                assert caught.value.collection == "kit_shelves"
            uow.add(SHELVES, Shelf(id=uid(2), code="B"))
        assert kept(storage, SHELVES) == (saved, Shelf(id=uid(2), code="B"))

    def test_saving_what_is_not_there_is_not_found(self, storage: Storage) -> None:
        """``save`` never adds; the unit goes on."""
        with storage.unit_of_work(TENANT) as uow:
            with pytest.raises(NotFoundError):
                uow.save(SHELVES, SHELF)
            uow.add(SHELVES, Shelf(id=uid(2), code="B"))
        assert ids(kept(storage, SHELVES)) == [uid(2)]

    def test_removing_counts(self, storage: Storage) -> None:
        """``remove`` answers how many were there; an id that is named twice counts once."""
        keep(storage, SHELVES, *(Shelf(id=uid(n), code=str(n)) for n in range(1, 5)))
        with storage.unit_of_work(TENANT) as uow:
            assert uow.remove(SHELVES, uid(1), uid(99), uid(3), uid(1)) == 2
            assert uow.remove(SHELVES, uid(1)) == 0
            assert uow.remove(SHELVES) == 0
        assert ids(kept(storage, SHELVES)) == [uid(2), uid(4)]

    def test_numbers_count_from_one(self, storage: Storage) -> None:
        """Each name in each tenant has numbers of its own."""
        with storage.unit_of_work(TENANT) as uow:
            assert [uow.next_number("a"), uow.next_number("a"), uow.next_number("b")] == [1, 2, 1]
        with storage.unit_of_work(TENANT) as uow:
            assert uow.next_number("a") == 3
        with storage.unit_of_work(OTHER_TENANT) as uow:
            assert uow.next_number("a") == 1

    def test_numbers_have_no_gaps(self, storage: Storage) -> None:
        """A number of a unit that was undone is given again."""
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            uow.next_number("a")
            raise PlannedError
        with storage.unit_of_work(TENANT) as uow:
            assert uow.next_number("a") == 1

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_numbers_have_no_gaps_after_a_savepoint(self, storage: Storage) -> None:
        """A number of a block that was undone is given again."""
        with storage.unit_of_work(TENANT) as uow:
            assert uow.next_number("a") == 1
            with pytest.raises(PlannedError), uow.savepoint():
                assert uow.next_number("a") == 2
                raise PlannedError
            assert uow.next_number("a") == 2

    def test_a_reading_unit_does_not_write(self, storage: Storage) -> None:
        """Each writing verb raises TransactionError in a unit that only reads."""
        keep(storage, SHELVES, SHELF)
        verbs: tuple[Callable[[UnitOfWork], object], ...] = (
            lambda uow: uow.add(SHELVES, Shelf(id=uid(2), code="B")),
            lambda uow: uow.add_if_absent(SHELVES, Shelf(id=uid(2), code="B")),
            lambda uow: uow.save(SHELVES, SHELF),
            lambda uow: uow.remove(SHELVES, SHELF.id),
            lambda uow: uow.next_number("a"),
            lambda uow: uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=1),
        )
        keep(storage, JOBS, Job(id=uid(5), lane="x"))
        for verb in verbs:
            with pytest.raises(TransactionError), storage.unit_of_work(TENANT, read_only=True) as uow:
                verb(uow)
        assert kept(storage, SHELVES) == (SHELF,)
        assert kept(storage, JOBS) == (Job(id=uid(5), lane="x"),)
        with storage.unit_of_work(TENANT) as uow:
            assert uow.next_number("a") == 1

    def test_a_reading_unit_reads(self, storage: Storage) -> None:
        """All reading verbs work in it."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            assert uow.get(SHELVES, SHELF.id) == SHELF
            assert uow.get_many(SHELVES, [SHELF.id]) == {SHELF.id: SHELF}
            assert uow.find(SHELVES, order=SHELVES.name_.asc(), limit=1) == (SHELF,)
            assert uow.count(SHELVES) == 1

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_a_reading_unit_reads_in_a_savepoint(self, storage: Storage) -> None:
        """A block that writes nothing changes nothing."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            with pytest.raises(PlannedError), uow.savepoint():
                assert uow.get(SHELVES, SHELF.id) == SHELF
                raise PlannedError
            assert uow.count(SHELVES) == 1
