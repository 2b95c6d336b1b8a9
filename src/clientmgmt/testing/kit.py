"""Small entities that have every type that stores must keep: what the conformance suite stores.

Books stand on shelves (a reference), may have a slot of their own there (a unique key with an optional part)
and a serial (a unique key). Samples have a field of every type. Jobs wait in lanes. Labels do not change.

Types hold: ``str`` any text without NUL and lone surrogates, ``int`` 64 bits with sign, ``Decimal`` up
to twelve digits before and six after the point, ``datetime`` aware, in UTC, to the microsecond.
"""

# Keys are declared as the port shows it: a class attribute that nobody changes.

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import attrs

from clientmgmt.ports.storage import Collection, Field, Indexes, Join, Keys, Ordered, References, fields_of

__all__ = [
    "BOOKS",
    "JOBS",
    "KIT",
    "LABELS",
    "MIDNIGHT",
    "PLACED_BOOKS",
    "SAMPLES",
    "SHELVES",
    "Amount",
    "Book",
    "Books",
    "Colour",
    "Job",
    "Jobs",
    "Label",
    "Labels",
    "Place",
    "Sample",
    "Samples",
    "Shelf",
    "Shelves",
    "uid",
]

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
"""The time at which nothing has happened yet."""


NEW_YEAR = date(2026, 1, 1)


def uid(number: int) -> UUID:
    """The id with this number; ids sort as their numbers do."""
    return UUID(int=number, version=4)


NOTHING = uid(0)


class Colour(StrEnum):
    """An enumeration."""

    RED = "red"
    GREEN = "green"


@attrs.frozen
class Place:
    """A value object, one field of which may be missing."""

    town: str
    street: str | None = None


@attrs.frozen
class Amount:
    """A value object that may be missing as a whole."""

    value: Decimal
    currency: str


@attrs.frozen(kw_only=True)
class Sample:
    """A field of every type."""

    id: UUID
    text: str = ""
    note: str | None = None
    number: int = 0
    flag: bool = False
    at: datetime = MIDNIGHT
    maybe_at: datetime | None = None
    day: date = NEW_YEAR
    price: Decimal = Decimal(0)
    colour: Colour = Colour.RED
    other: UUID = NOTHING
    maybe_other: UUID | None = None
    place: Place = Place("")
    amount: Amount | None = None
    tags: tuple[str, ...] = ()
    facts: Mapping[str, str] = attrs.field(factory=dict)
    places: tuple[Place, ...] = ()
    version: int = 1


@attrs.frozen(kw_only=True)
class Shelf:
    """What books stand on."""

    id: UUID
    code: str
    room: str = "hall"
    name: str = ""
    version: int = 1


@attrs.frozen(kw_only=True)
class Book:
    """Stands on a shelf."""

    id: UUID
    shelf_id: UUID
    serial: str
    title: str = ""
    slot: str | None = None
    colour: Colour = Colour.RED
    pages: int = 0
    lent_at: datetime | None = None
    version: int = 1


@attrs.frozen(kw_only=True)
class Label:
    """Never changes; may belong to a shelf."""

    id: UUID
    key: str
    shelf_id: UUID | None = None


@attrs.frozen(kw_only=True)
class Job:
    """Waits in a lane."""

    id: UUID
    lane: str
    due_at: datetime = MIDNIGHT
    attempts: int = 0
    text: str = ""
    version: int = 1


_sample = fields_of(Sample)
_shelf = fields_of(Shelf)
_book = fields_of(Book)
_label = fields_of(Label)
_job = fields_of(Job)


class Samples(Collection[Sample]):
    """All samples."""

    name = "kit_samples"
    entity = Sample
    id: Field[Sample, UUID] = _sample(lambda sample: sample.id)
    text: Ordered[Sample, str] = _sample.ordered(lambda sample: sample.text)
    currency: Field[Sample, str | None] = _sample.inside(lambda sample: sample.amount, lambda amount: amount.currency)
    note: Field[Sample, str | None] = _sample(lambda sample: sample.note)
    number: Ordered[Sample, int] = _sample.ordered(lambda sample: sample.number)
    flag: Field[Sample, bool] = _sample(lambda sample: sample.flag)
    at: Ordered[Sample, datetime] = _sample.ordered(lambda sample: sample.at)
    maybe_at: Ordered[Sample, datetime] = _sample.when_present(lambda sample: sample.maybe_at)
    day: Ordered[Sample, date] = _sample.ordered(lambda sample: sample.day)
    price: Ordered[Sample, Decimal] = _sample.ordered(lambda sample: sample.price)
    colour: Field[Sample, Colour] = _sample(lambda sample: sample.colour)
    other: Field[Sample, UUID] = _sample(lambda sample: sample.other)
    maybe_other: Field[Sample, UUID | None] = _sample(lambda sample: sample.maybe_other)
    town: Ordered[Sample, str] = _sample.ordered(lambda sample: sample.place.town)
    indexes: ClassVar[Indexes] = ((text,), (colour, number), (at,), (maybe_at,))


SAMPLES = Samples()
"""Every type of value that can be stored."""


class Shelves(Collection[Shelf]):
    """All shelves."""

    name = "kit_shelves"
    entity = Shelf
    id: Field[Shelf, UUID] = _shelf(lambda shelf: shelf.id)
    code: Field[Shelf, str] = _shelf(lambda shelf: shelf.code)
    room: Field[Shelf, str] = _shelf(lambda shelf: shelf.room)
    name_: Ordered[Shelf, str] = _shelf.ordered(lambda shelf: shelf.name)
    unique: ClassVar[Keys] = {"kit_shelf_code": (code,)}
    indexes: ClassVar[Indexes] = ((room, name_),)


SHELVES = Shelves()
"""What books refer to."""


class Books(Collection[Book]):
    """All books."""

    name = "kit_books"
    entity = Book
    id: Field[Book, UUID] = _book(lambda book: book.id)
    shelf_id: Field[Book, UUID] = _book(lambda book: book.shelf_id)
    serial: Field[Book, str] = _book(lambda book: book.serial)
    slot: Field[Book, str | None] = _book(lambda book: book.slot)
    title: Ordered[Book, str] = _book.ordered(lambda book: book.title)
    colour: Field[Book, Colour] = _book(lambda book: book.colour)
    pages: Ordered[Book, int] = _book.ordered(lambda book: book.pages)
    lent_at: Ordered[Book, datetime] = _book.when_present(lambda book: book.lent_at)
    unique: ClassVar[Keys] = {"kit_book_place": (shelf_id, slot), "kit_book_serial": (serial,)}
    indexes: ClassVar[Indexes] = ((shelf_id, title), (colour, title), (title,), (pages,), (lent_at,))
    references: ClassVar[References] = ((shelf_id, SHELVES),)


BOOKS = Books()
"""Entities with a reference, and keys of several fields."""
PLACED_BOOKS: Join[Book, Shelf] = Join(BOOKS, BOOKS.shelf_id, SHELVES)
"""Each book with its shelf."""


class Labels(Collection[Label]):
    """All labels."""

    name = "kit_labels"
    entity = Label
    key: Field[Label, str] = _label(lambda label: label.key)
    shelf_id: Field[Label, UUID | None] = _label(lambda label: label.shelf_id)
    unique: ClassVar[Keys] = {"kit_label_key": (key,)}
    indexes: ClassVar[Indexes] = ((shelf_id,),)
    references: ClassVar[References] = ((shelf_id, SHELVES),)


LABELS = Labels()
"""Entities that never change."""


class Jobs(Collection[Job]):
    """All waiting jobs."""

    name = "kit_jobs"
    entity = Job
    lane: Field[Job, str] = _job(lambda job: job.lane)
    queue: ClassVar[bool] = True


JOBS = Jobs()
"""A queue."""

KIT: tuple[Collection[Any], ...] = (SAMPLES, SHELVES, BOOKS, LABELS, JOBS)
"""All collections of the kit, each after those that it refers to."""
