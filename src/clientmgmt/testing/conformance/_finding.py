"""Conditions: each operator, alone, together and across a join."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from clientmgmt.ports.storage import Condition, Storage, any_of
from clientmgmt.testing.conformance._base import SHELF, TENANT, book, ids, keep
from clientmgmt.testing.kit import (
    BOOKS,
    MIDNIGHT,
    PLACED_BOOKS,
    SAMPLES,
    SHELVES,
    Amount,
    Book,
    Colour,
    Place,
    Sample,
    Shelf,
    uid,
)

HOUR = timedelta(hours=1)


def found(storage: Storage, *where: Condition[Sample]) -> list[int]:
    """The numbers of the samples for which these hold, in the order in which they come."""
    with storage.unit_of_work(TENANT, read_only=True) as uow:
        rows = uow.find(SAMPLES, *where)
        assert uow.count(SAMPLES, *where) == len(rows)
        return [row.number for row in rows]


def found_books(storage: Storage, *where: Condition[Book | Shelf]) -> list[int]:
    """The pages of the books that a join gives under these conditions."""
    with storage.unit_of_work(TENANT, read_only=True) as uow:
        rows = uow.find(PLACED_BOOKS, *where)
        assert uow.count(PLACED_BOOKS, *where) == len(rows)
        assert all(left.shelf_id == right.id for left, right in rows)
        return [left.pages for left, _ in rows]


class FindingConformance:
    """What ``find`` and ``count`` hold true."""

    def test_without_conditions_all_come_by_id(self, storage: Storage) -> None:
        """Rows come in the order of their ids, whatever the order in which they were added."""
        keep(storage, SAMPLES, *(Sample(id=uid(n), number=n) for n in (3, 1, 2**60, 2)))
        assert found(storage) == [1, 2, 3, 2**60]

    def test_nothing_is_found_in_nothing(self, storage: Storage) -> None:
        """An empty collection gives an empty tuple and the count 0."""
        assert found(storage) == found(storage, SAMPLES.text.eq("")) == []

    def test_eq_of_every_type(self, storage: Storage) -> None:
        """``eq`` compares text, numbers, booleans, times, days, decimals, enumerations, ids and parts."""
        one = Sample(
            id=uid(1),
            text="a",
            note="n",
            number=1,
            flag=True,
            at=MIDNIGHT + HOUR,
            day=date(2020, 2, 29),
            price=Decimal("2.5"),
            colour=Colour.GREEN,
            other=uid(5),
            maybe_other=uid(6),
            place=Place("Graz"),
        )
        keep(storage, SAMPLES, one, Sample(id=uid(2), number=2))
        conditions = (
            SAMPLES.id.eq(one.id),
            SAMPLES.text.eq("a"),
            SAMPLES.note.eq("n"),
            SAMPLES.number.eq(1),
            SAMPLES.flag.eq(value=True),
            SAMPLES.at.eq(one.at),
            SAMPLES.day.eq(one.day),
            SAMPLES.price.eq(one.price),
            SAMPLES.colour.eq(Colour.GREEN),
            SAMPLES.other.eq(uid(5)),
            SAMPLES.maybe_other.eq(uid(6)),
            SAMPLES.town.eq("Graz"),
        )
        for condition in conditions:
            assert found(storage, condition) == [1], condition.field
        assert found(storage, *conditions) == [1]

    def test_eq_knows_case(self, storage: Storage) -> None:
        """Text is compared exactly: case, trailing spaces and accents matter."""
        for number, text in enumerate(("a", "A", "a ", "á", "a\N{COMBINING ACUTE ACCENT}")):
            keep(storage, SAMPLES, Sample(id=uid(number + 1), number=number, text=text))
        assert found(storage, SAMPLES.text.eq("a")) == [0]
        assert found(storage, SAMPLES.text.eq("á")) == [3]

    def test_eq_none_finds_what_is_missing(self, storage: Storage) -> None:
        """``eq(None)`` finds missing values and no empty ones; ``present`` finds the others."""
        keep(storage, SAMPLES, Sample(id=uid(1), number=1), Sample(id=uid(2), number=2, note=""))
        assert found(storage, SAMPLES.note.eq(None)) == [1]
        assert found(storage, SAMPLES.note.eq("")) == [2]
        assert found(storage, SAMPLES.note.present()) == [2]
        assert found(storage, SAMPLES.maybe_at.eq(None)) == [1, 2]

    def test_two_values_for_one_field_find_nothing(self, storage: Storage) -> None:
        """All conditions hold, also those that contradict each other."""
        keep(storage, SAMPLES, Sample(id=uid(1)))
        assert found(storage, SAMPLES.colour.eq(Colour.RED), SAMPLES.colour.eq(Colour.GREEN)) == []
        assert found(storage, SAMPLES.id.eq(uid(1)), SAMPLES.id.eq(uid(2))) == []

    def test_in_finds_any_of_the_values(self, storage: Storage) -> None:
        """``in_`` takes any number of values, also the same twice; of none, nothing is found."""
        keep(storage, SAMPLES, *(Sample(id=uid(n), number=n, other=uid(n)) for n in range(1, 6)))
        assert found(storage, SAMPLES.number.in_([4, 2, 2, 99])) == [2, 4]
        assert found(storage, SAMPLES.id.in_([uid(3), uid(1)])) == [1, 3]
        assert found(storage, SAMPLES.other.in_([uid(5)])) == [5]
        assert found(storage, SAMPLES.colour.in_(list(Colour))) == [1, 2, 3, 4, 5]
        assert found(storage, SAMPLES.number.in_([])) == []
        assert found(storage, SAMPLES.number.in_(iter([1, 2]))) == [1, 2]

    def test_in_takes_many_values(self, storage: Storage) -> None:
        """A thousand values are no problem."""
        keep(storage, SAMPLES, *(Sample(id=uid(n), number=n) for n in (1, 500, 2000)))
        assert found(storage, SAMPLES.number.in_(range(1, 1001))) == [1, 500]

    def test_in_never_finds_what_is_missing(self, storage: Storage) -> None:
        """A missing value is equal to none of the values, not even to ``None``."""
        keep(storage, SAMPLES, Sample(id=uid(1), number=1), Sample(id=uid(2), number=2, note="n"))
        assert found(storage, SAMPLES.note.in_(["n", None])) == [2]

    def test_less_and_greater_of_every_type(self, storage: Storage) -> None:
        """``lt``, ``le``, ``gt`` and ``ge`` compare text, numbers, times, days and decimals."""
        for number in range(3):
            sample = Sample(
                id=uid(number + 1),
                number=number - 1,
                text="aBb"[number],
                at=MIDNIGHT + (number - 1) * timedelta(microseconds=1),
                maybe_at=MIDNIGHT + (number - 1) * HOUR,
                day=MIDNIGHT.date() + timedelta(number - 1),
                price=Decimal(number - 1) / 10,
            )
            keep(storage, SAMPLES, sample)
        fields: tuple[tuple[Any, Any], ...] = (
            (SAMPLES.number, 0),
            (SAMPLES.at, MIDNIGHT),
            (SAMPLES.maybe_at, MIDNIGHT),
            (SAMPLES.day, MIDNIGHT.date()),
            (SAMPLES.price, Decimal(0)),
        )
        for field, value in fields:
            assert found(storage, field.lt(value)) == [-1], field
            assert found(storage, field.le(value)) == [-1, 0], field
            assert found(storage, field.gt(value)) == [1], field
            assert found(storage, field.ge(value)) == [0, 1], field
        assert found(storage, SAMPLES.text.lt("a")) == [0]
        assert found(storage, SAMPLES.text.gt("B"), SAMPLES.text.lt("b")) == [-1]

    def test_comparing_never_finds_what_is_missing(self, storage: Storage) -> None:
        """A missing time is neither before nor after another."""
        keep(storage, SAMPLES, Sample(id=uid(1)))
        at = SAMPLES.maybe_at
        for condition in (
            at.lt(MIDNIGHT),
            at.le(MIDNIGHT),
            at.gt(MIDNIGHT),
            at.ge(MIDNIGHT),
            at.in_([MIDNIGHT]),
        ):
            assert found(storage, condition) == []

    def test_prefix_compares_code_points(self, storage: Storage) -> None:
        """``prefix`` knows case, and no character in it has a meaning of its own."""
        texts = (
            "acme",
            "Acme",
            "ac%e",
            "ac_e",
            "ac\\e",
            "ac",
            "a",
            "ad",
            "áac",
            "b",
            "\U0001f600x",
            "\ufffd",
        )
        self._prefixes(storage, texts, ("ac", "ac%", "ac_", "ac\\", "A", "", "acme", "acmes", "á", "\U0001f600"))

    def test_prefix_reaches_the_last_code_point(self, storage: Storage) -> None:
        """No character is greater than what may follow a prefix, and any character may end one."""
        texts = ("ac", "ac\U0010ffff", "ac\U0010ffff\U0010ffff", "ad", "\U0010ffff", "\ud7ffx", "\ue000")
        self._prefixes(storage, texts, ("ac", "ac\U0010ffff", "\U0010ffff", "\ud7ff"))

    def test_prefix_never_finds_what_is_missing(self, storage: Storage) -> None:
        """Not even the empty prefix finds missing text."""
        keep(storage, SAMPLES, Sample(id=uid(1), number=1), Sample(id=uid(2), number=2, note="n"))
        note = cast("Any", SAMPLES.note)
        assert found(storage, note.prefix("")) == found(storage, note.prefix("n")) == [2]

    def test_any_of_takes_alternatives(self, storage: Storage) -> None:
        """``any_of`` holds if one alternative does; it nests, and stands beside other conditions."""
        keep(storage, SAMPLES, *(Sample(id=uid(n), number=n, flag=n % 2 == 0) for n in range(1, 7)))
        low, high = SAMPLES.number.le(2), SAMPLES.number.ge(5)
        assert found(storage, any_of(low, high)) == [1, 2, 5, 6]
        assert found(storage, any_of(low, high), SAMPLES.flag.eq(value=True)) == [2, 6]
        assert found(storage, any_of(SAMPLES.number.eq(4), any_of(low, SAMPLES.number.in_([6])))) == [
            1,
            2,
            4,
            6,
        ]
        assert found(storage, any_of(SAMPLES.note.eq(None), high)) == [1, 2, 3, 4, 5, 6]
        assert found(storage, any_of(low, low)) == [1, 2]

    def test_any_of_nothing_is_nothing(self, storage: Storage) -> None:
        """Of no alternatives, none holds; an alternative that finds nothing takes nothing away."""
        keep(storage, SAMPLES, Sample(id=uid(1), number=1))
        assert found(storage, any_of()) == []
        assert found(storage, any_of(SAMPLES.number.in_([]), SAMPLES.number.eq(1))) == [1]

    def test_among_looks_into_another_collection(self, storage: Storage) -> None:
        """Values come from the entities found there, also as an alternative, nested, and in a join; of none, none."""
        self._two_shelves(storage)
        read = SHELVES.code.in_(["A"])
        assert found_books(storage, BOOKS.shelf_id.among(SHELVES, SHELVES.id, read)) == [11, 13]
        assert found_books(storage, BOOKS.shelf_id.among(SHELVES, SHELVES.id, SHELVES.code.eq("nowhere"))) == []
        other = any_of(BOOKS.pages.eq(12), BOOKS.shelf_id.among(SHELVES, SHELVES.id, read))
        assert found_books(storage, other) == [11, 12, 13]
        twice = SHELVES.id.among(BOOKS, BOOKS.shelf_id, BOOKS.serial.among(BOOKS, BOOKS.serial, BOOKS.pages.eq(11)))
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            assert [shelf.code for shelf in uow.find(SHELVES, twice)] == ["A"]
            assert uow.count(PLACED_BOOKS, twice, BOOKS.pages.ge(12)) == 1

    def test_among_stays_in_the_tenant_and_takes_no_missing_value(self, storage: Storage) -> None:
        """What other tenants have does not count, and what is missing is equal to nothing."""
        keep(storage, SHELVES, SHELF)
        keep(storage, BOOKS, book(1, serial="t1"))
        with storage.unit_of_work("other") as uow:
            uow.add(SHELVES, Shelf(id=uid(90), code="t1"))
        assert found_books(storage, BOOKS.serial.among(SHELVES, SHELVES.code)) == []
        assert found_books(storage, BOOKS.slot.among(BOOKS, BOOKS.slot)) == []

    def test_an_optional_value_object_keeps_its_row(self, storage: Storage) -> None:
        """Rows with and without the value object are found alike by their other fields."""
        amount = Amount(Decimal(0), "")
        keep(storage, SAMPLES, Sample(id=uid(1), number=1), Sample(id=uid(2), number=2, amount=amount))
        assert found(storage, SAMPLES.text.eq("")) == [1, 2]
        assert found(storage, SAMPLES.currency.eq(None)) == [1]
        assert found(storage, SAMPLES.currency.present()) == found(storage, SAMPLES.currency.eq("")) == [2]

    def test_a_join_gives_pairs(self, storage: Storage) -> None:
        """Each left entity comes with the one it refers to; those that nothing refers to do not come."""
        self._two_shelves(storage)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            pairs = uow.find(PLACED_BOOKS)
        assert [(left.pages, right.code) for left, right in pairs] == [
            (11, "A"),
            (12, "B"),
            (13, "A"),
            (14, "B"),
        ]
        assert pairs[0] == (book(11, pages=11, title="t1"), Shelf(id=uid(1), code="A", name="two"))

    def test_a_join_takes_conditions_on_both_sides(self, storage: Storage) -> None:
        """Conditions of either collection filter the pairs."""
        self._two_shelves(storage)
        assert found_books(storage, BOOKS.pages.gt(12)) == [13, 14]
        assert found_books(storage, SHELVES.code.eq("B")) == [12, 14]
        assert found_books(storage, SHELVES.room.eq("hall"), BOOKS.pages.le(12)) == [11]
        assert found_books(storage, BOOKS.shelf_id.eq(uid(2)), SHELVES.room.eq("hall")) == []
        assert found_books(storage, SHELVES.code.in_(["A", "B"]), BOOKS.id.in_([uid(14)])) == [14]
        assert found_books(storage, SHELVES.code.in_([])) == []

    def test_any_of_reaches_across_a_join(self, storage: Storage) -> None:
        """Alternatives may be on different sides."""
        self._two_shelves(storage)
        assert found_books(storage, any_of(SHELVES.code.eq("A"), BOOKS.pages.eq(14))) == [11, 13, 14]
        assert found_books(storage, any_of(SHELVES.code.eq("A"), BOOKS.pages.eq(14)), BOOKS.pages.gt(11)) == [
            13,
            14,
        ]

    def test_a_join_orders_by_either_side(self, storage: Storage) -> None:
        """Ties are broken by the id of the left part, in the same direction."""
        self._two_shelves(storage)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            by_left = uow.find(PLACED_BOOKS, order=BOOKS.title.desc(), limit=3)
            by_right = uow.find(PLACED_BOOKS, order=SHELVES.name_.desc())
            second = uow.find(PLACED_BOOKS, order=SHELVES.name_.asc(), after=("one", uid(12)), limit=2)
            third = uow.find(PLACED_BOOKS, order=SHELVES.name_.desc(), after=("two", uid(13)))
        assert [left.pages for left, _ in by_left] == [14, 13, 12]
        assert [left.pages for left, _ in by_right] == [13, 11, 14, 12]
        assert [left.pages for left, _ in second] == [14, 11]
        assert [left.pages for left, _ in third] == [11, 14, 12]

    def test_find_answers_a_tuple(self, storage: Storage) -> None:
        """The answer stays when the unit has ended."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            rows = uow.find(SHELVES)
        assert isinstance(rows, tuple)
        assert ids(rows) == [SHELF.id]

    def test_limit_and_after_need_an_order(self, storage: Storage) -> None:
        """Without an order they are refused, and the unit goes on."""
        with storage.unit_of_work(TENANT) as uow:
            with pytest.raises(ValueError, match="order"):
                uow.find(SHELVES, limit=1)
            with pytest.raises(ValueError, match="order"):
                uow.find(SHELVES, after=("", uid(1)))
            uow.add(SHELVES, SHELF)

    @staticmethod
    def _two_shelves(storage: Storage) -> None:
        second = Shelf(id=uid(2), code="B", room="attic", name="one")
        keep(storage, SHELVES, Shelf(id=uid(1), code="A", name="two"), second, Shelf(id=uid(3), code="C"))
        for number in range(11, 15):
            shelf = uid(1) if number % 2 else uid(2)
            keep(storage, BOOKS, book(number, pages=number, shelf_id=shelf, title=f"t{number - 10}"))

    @staticmethod
    def _prefixes(storage: Storage, texts: tuple[str, ...], prefixes: tuple[str, ...]) -> None:
        keep(storage, SAMPLES, *(Sample(id=uid(n + 1), number=n, text=text) for n, text in enumerate(texts)))
        for prefix in prefixes:
            matching = [number for number, text in enumerate(texts) if text.startswith(prefix)]
            assert found(storage, SAMPLES.text.prefix(prefix)) == matching, prefix
