"""Order and keyset pages."""

from __future__ import annotations

from datetime import timedelta

from clientmgmt.ports.storage import Condition, Order, Storage
from clientmgmt.testing.conformance._base import SHELF, TENANT, book, keep
from clientmgmt.testing.kit import BOOKS, MIDNIGHT, SAMPLES, SHELVES, Book, Colour, Sample, uid

TEXTS = (
    "",
    " ",
    "10",
    "9",
    "A",
    "Z",
    "_",
    "a",
    "a b",
    "aa",
    "ab",
    "z",
    "zz",
    "Å",
    "é",
    "ß",
    "Ω",
    "中",
    "\ufb01",
    "\uffee",
    "\U0001f600",
    "\U0010ffff",
)


def walk(storage: Storage, order: Order[Book], *where: Condition[Book], size: int) -> list[int]:
    """The numbers of all books in pages of ``size``, each page in a unit of its own."""
    seen: list[Book] = []
    after = None
    while True:
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            page = uow.find(BOOKS, *where, order=order, after=after, limit=size)
        assert len(page) <= size
        seen += page
        assert len(seen) == len(set(seen)), "a row came twice"
        if len(page) < size:
            return [row.pages for row in seen]
        after = (order.field.get(page[-1]), page[-1].id)


class PagesConformance:
    """What ``order``, ``after`` and ``limit`` promise."""

    def test_text_comes_in_the_order_of_code_points(self, storage: Storage) -> None:
        """No language, no case and no encoding changes the order of text."""
        for number, text in enumerate(sorted(TEXTS, key=hash)):
            keep(storage, SAMPLES, Sample(id=uid(number + 1), text=text))
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            ascending = uow.find(SAMPLES, order=SAMPLES.text.asc())
            descending = uow.find(SAMPLES, order=SAMPLES.text.desc())
            least = uow.find(SAMPLES, SAMPLES.text.gt("zz"), SAMPLES.text.lt("\U0001f600"))
        assert [row.text for row in ascending] == sorted(TEXTS)
        assert [row.text for row in descending] == sorted(TEXTS, reverse=True)
        assert sorted(row.text for row in least) == sorted(text for text in TEXTS if "zz" < text < "\U0001f600")

    def test_ties_come_by_id_in_the_same_direction(self, storage: Storage) -> None:
        """Equal values are ordered by id, descending when the order descends."""
        keep(storage, SAMPLES, *(Sample(id=uid(n), number=n // 3) for n in (5, 3, 4, 8, 7, 6)))
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            ascending = uow.find(SAMPLES, order=SAMPLES.number.asc())
            descending = uow.find(SAMPLES, order=SAMPLES.number.desc())
        assert [row.id for row in ascending] == [uid(n) for n in (3, 4, 5, 6, 7, 8)]
        assert [row.id for row in descending] == [uid(n) for n in (8, 7, 6, 5, 4, 3)]

    def test_every_ordered_type_orders(self, storage: Storage) -> None:
        """Numbers, times, days, decimals and parts of value objects order by value."""
        values = (-10, -9, 0, 9, 10)
        for number, value in enumerate(values):
            sample = Sample(
                id=uid(99 - number),
                number=value,
                at=MIDNIGHT + timedelta(microseconds=value),
                day=MIDNIGHT.date() + timedelta(value),
                price=SAMPLE.price + value,
            )
            keep(storage, SAMPLES, sample)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            for field in (SAMPLES.number, SAMPLES.at, SAMPLES.day, SAMPLES.price):
                order: Order[Sample] = field.asc()
                assert [row.number for row in uow.find(SAMPLES, order=order)] == list(values), field

    def test_limit_takes_the_first(self, storage: Storage) -> None:
        """A limit beyond the end gives all."""
        self._books(storage)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            first = uow.find(BOOKS, order=BOOKS.pages.desc(), limit=2)
            everything = uow.find(BOOKS, order=BOOKS.pages.desc(), limit=99)
        assert [row.pages for row in first] == [10, 9]
        assert len(everything) == 10

    def test_pages_give_each_row_once(self, storage: Storage) -> None:
        """Pages of any size follow each other in both directions, also through rows of equal value."""
        self._books(storage)
        by_title = sorted(range(1, 11), key=lambda number: (number % 3, number))
        for size in (1, 2, 3, 5, 10, 11):
            assert walk(storage, BOOKS.title.asc(), size=size) == by_title
            assert walk(storage, BOOKS.title.desc(), size=size) == by_title[::-1]

    def test_pages_keep_their_conditions(self, storage: Storage) -> None:
        """Conditions hold on every page, those on the order field too."""
        self._books(storage)
        red = BOOKS.colour.eq(Colour.RED)
        assert walk(storage, BOOKS.pages.asc(), red, size=2) == [2, 4, 6, 8, 10]
        between = (BOOKS.pages.ge(3), BOOKS.pages.lt(9))
        assert walk(storage, BOOKS.pages.desc(), *between, size=2) == [8, 7, 6, 5, 4, 3]
        assert walk(storage, BOOKS.pages.asc(), *between, red, size=1) == [4, 6, 8]
        assert walk(storage, BOOKS.title.asc(), BOOKS.title.prefix("t1"), size=2) == [1, 4, 7, 10]
        assert walk(storage, BOOKS.title.desc(), BOOKS.title.gt("t0"), BOOKS.title.le("t1"), size=3) == [
            10,
            7,
            4,
            1,
        ]
        assert walk(storage, BOOKS.title.asc(), BOOKS.title.eq("t2"), size=2) == [2, 5, 8]
        assert walk(storage, BOOKS.title.asc(), BOOKS.pages.in_([9, 1, 3]), size=2) == [3, 9, 1]

    def test_a_page_may_start_where_no_row_is(self, storage: Storage) -> None:
        """The row that a page follows may be gone meanwhile."""
        self._books(storage)
        with storage.unit_of_work(TENANT) as uow:
            uow.remove(BOOKS, uid(5))
            rows = uow.find(BOOKS, order=BOOKS.pages.asc(), after=(5, uid(5)), limit=2)
        assert [row.pages for row in rows] == [6, 7]

    def test_present_times_order(self, storage: Storage) -> None:
        """A field that may be missing orders those rows where it is present."""
        self._books(storage)
        order = BOOKS.lent_at
        assert walk(storage, order.asc(), order.present(), size=2) == [3, 6, 9]
        assert walk(storage, order.desc(), order.present(), size=2) == [9, 6, 3]

    def test_changes_move_rows_between_pages(self, storage: Storage) -> None:
        """What is saved, removed or added takes its new place in the order, in its unit and after."""
        self._books(storage)
        assert walk(storage, BOOKS.pages.asc(), size=4) == list(range(1, 11))
        with storage.unit_of_work(TENANT) as uow:
            uow.save(BOOKS, book(1, pages=99))
            uow.save(BOOKS, book(3, pages=3, title="new"))
            uow.remove(BOOKS, uid(2))
            uow.add(BOOKS, book(50, pages=5))
            inside = [row.pages for row in uow.find(BOOKS, order=BOOKS.pages.asc())]
        assert inside == walk(storage, BOOKS.pages.asc(), size=4) == [3, 4, 5, 5, 6, 7, 8, 9, 10, 99]

    @staticmethod
    def _books(storage: Storage) -> None:
        keep(storage, SHELVES, SHELF)
        books = (
            book(
                number,
                pages=number,
                title=f"t{number % 3}",
                colour=Colour.GREEN if number % 2 else Colour.RED,
                lent_at=None if number % 3 else MIDNIGHT + timedelta(hours=number),
            )
            for number in (7, 3, 10, 1, 9, 2, 8, 4, 6, 5)
        )
        keep(storage, BOOKS, *books)


SAMPLE = Sample(id=uid(1))
