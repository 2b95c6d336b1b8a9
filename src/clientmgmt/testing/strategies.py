"""Hypothesis strategies for the kit. They need Hypothesis: ``pip install 'clientmgmt[testing]'``.

They draw from few ids, keys and lanes, so that entities meet.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import strategies as st

from clientmgmt.testing.kit import MIDNIGHT, Amount, Book, Colour, Job, Label, Place, Sample, Shelf, uid

__all__ = ["books", "few_ids", "jobs", "labels", "moments", "samples", "shelves", "texts"]

_FROM, _TO = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - the bounds are given without a zone
_SHELVES, _OTHERS = 3, 6
_GREATEST = 2**63


def texts(*, most: int = 20) -> st.SearchStrategy[str]:
    """Any text that can be stored: without NUL and lone surrogates."""
    return st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=most)


def few_ids(greatest: int = _OTHERS) -> st.SearchStrategy[UUID]:
    """One of the ids from 1 to ``greatest``."""
    return st.integers(1, greatest).map(uid)


def moments() -> st.SearchStrategy[datetime]:
    """Times around :data:`~clientmgmt.testing.kit.MIDNIGHT`."""
    return st.integers(-3, 3).map(lambda hours: MIDNIGHT + timedelta(hours=hours))


def samples() -> st.SearchStrategy[Sample]:
    """Samples with any values."""
    numbers = st.integers(-_GREATEST, _GREATEST - 1)
    decimals = st.decimals(Decimal(-(10**12) + 1), Decimal(10**12 - 1), places=6)
    times = st.datetimes(_FROM, _TO, timezones=st.just(UTC))
    return st.builds(
        Sample,
        id=few_ids(),
        text=texts(),
        note=st.none() | texts(),
        number=numbers,
        flag=st.booleans(),
        at=times,
        maybe_at=st.none() | times,
        day=st.dates(date(1900, 1, 1), date(2200, 1, 1)),
        price=decimals,
        colour=st.sampled_from(Colour),
        other=st.uuids(),
        maybe_other=st.none() | st.uuids(),
        place=st.builds(Place, texts(), st.none() | texts()),
        amount=st.none() | st.builds(Amount, decimals, texts(most=3)),
        tags=st.lists(texts(), max_size=3).map(tuple),
        facts=st.dictionaries(texts(), texts(), max_size=3),
        version=st.just(1),
    )


def shelves() -> st.SearchStrategy[Shelf]:
    """One of few shelves, with one of few codes."""
    return st.builds(
        Shelf,
        id=few_ids(_SHELVES),
        code=st.sampled_from("AaBb"),
        room=st.sampled_from(["attic", "hall"]),
        name=st.sampled_from(["", "one", "One", "two"]),
        version=st.just(1),
    )


def books() -> st.SearchStrategy[Book]:
    """One of few books, on one of few shelves."""
    return st.builds(
        Book,
        id=few_ids(),
        shelf_id=few_ids(_SHELVES),
        serial=st.sampled_from("123456789"),
        title=st.sampled_from(["", "T", "t", "t%", "tt", "\U0001f600", "\uffee"]),
        slot=st.none() | st.sampled_from("xyz"),
        colour=st.sampled_from(Colour),
        pages=st.integers(0, 5),
        lent_at=st.none() | moments(),
        version=st.just(1),
    )


def labels() -> st.SearchStrategy[Label]:
    """One of few labels; most belong to no shelf."""
    belongs = st.none() | st.none() | few_ids(_SHELVES)
    return st.builds(Label, id=few_ids(), key=st.sampled_from("abcd"), shelf_id=belongs)


def jobs() -> st.SearchStrategy[Job]:
    """One of few jobs, in one of few lanes."""
    lanes = st.sampled_from(["x", "X", "y"])
    return st.builds(
        Job,
        id=few_ids(),
        lane=lanes,
        due_at=moments(),
        attempts=st.just(0),
        text=texts(most=3),
        version=st.just(1),
    )
