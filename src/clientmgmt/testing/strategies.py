"""Hypothesis strategies. They need Hypothesis: ``pip install 'clientmgmt[testing]'``.

For tests of applications there is input: :func:`emails`, :func:`names`, :func:`client_fields`, :func:`contact_fields`,
text that must come through unharmed (:func:`awkward_texts`) and text that must be refused (:func:`refused_texts`)::

    @given(fields=client_fields())
    def test_every_client_shows(fields):
        with Sandbox() as box:
            client = box.workspace().clients.add(**fields)
            assert client.name in my_page(client.id)

For tests of notifiers there are :func:`messages`, and for those of stores the entities of the kit: they draw from few
ids, keys and lanes, so that entities meet.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from unicodedata import normalize
from uuid import UUID

from hypothesis import strategies as st

from clientmgmt.domain.mail import Mailbox, MailType, Message
from clientmgmt.domain.text import PADDING
from clientmgmt.testing.kit import MIDNIGHT, Amount, Book, Colour, Job, Label, Place, Sample, Shelf, uid

__all__ = [
    "awkward_texts",
    "books",
    "client_fields",
    "contact_fields",
    "emails",
    "few_ids",
    "jobs",
    "labels",
    "messages",
    "moments",
    "names",
    "refused_texts",
    "samples",
    "shelves",
    "texts",
]

_FROM, _TO = datetime(1900, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - the bounds are given without a zone
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_SCRIPTS = f"{_LETTERS}ABCXYZÀÉÎõüßøłçğšžΔβДжяאבגدرسกขฃあア漢字한글'-."
_DOMAINS = ("acme.example", "northwind.example", "mail.contoso.example", "bücher.example", "xn--bcher-kva.example")
_AWKWARD = (
    "=1+1",
    "@SUM(A1)",
    "-2+3",
    "<script>alert(1)</script>",
    'O\'Brien & "Sons"',
    "Robert'); DROP TABLE clients;--",
    "100 % _ \\ {token} {{ name }} %s ${x}",
    "=?utf-8?q?Bcc:_a?=",
    "../../etc/passwd",
    "null",
    "مرحبا بكم",
    "東京商事",
    "Ω≈ç√∫ ﬁ",
    "\N{FAMILY}\N{GRINNING FACE}",
    "می\N{ZERO WIDTH NON-JOINER}خواهم",
)
_FORBIDDEN = "\0\n\r\x1b\x7f\x85\u2028\u2029\u202e\u2066\u200b\ufeff\ud800"
_SHELVES, _OTHERS = 3, 6
_GREATEST = 2**63


def texts(*, most: int = 20) -> st.SearchStrategy[str]:
    """Any text that can be stored: without NUL and lone surrogates."""
    return st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=most)


def emails() -> st.SearchStrategy[str]:
    """Addresses that are taken, also with a domain beyond ASCII; no mail ever leaves for them."""
    local = st.lists(st.text(_LETTERS + "+_'", min_size=1, max_size=12), min_size=1, max_size=3).map(".".join)
    return st.builds("{}@{}".format, local, st.sampled_from(_DOMAINS))


def names(*, most: int = 100) -> st.SearchStrategy[str]:
    """Names that are taken, and are stored as they stand: plain ones, awkward ones, in many scripts."""
    words = st.text(_SCRIPTS, min_size=1, max_size=20)
    several = st.lists(words, min_size=1, max_size=3).map(" ".join)
    return (several | awkward_texts()).map(lambda name: _stored(name[:most]))


def awkward_texts() -> st.SearchStrategy[str]:
    """Text that every field takes and every page, file and mail must show as text: formulas, markup, scripts."""
    return st.sampled_from(_AWKWARD).map(_stored)


def refused_texts() -> st.SearchStrategy[str]:
    """Text that every field of one line refuses: control characters, turned direction, nothing visible, too much."""
    broken = st.builds("{}{}{}".format, st.sampled_from(["a", "Zoë"]), st.sampled_from(_FORBIDDEN), st.just("b"))
    return broken | st.sampled_from(["\N{ZERO WIDTH JOINER}", " \t", "", "x" * 1_000_000])


def client_fields() -> st.SearchStrategy[dict[str, str]]:
    """What ``workspace.clients.add`` takes as keywords."""
    return st.fixed_dictionaries(
        {"name": names(most=200), "email": emails()},
        optional={"kind": st.sampled_from(["company", "person"]), "status": st.sampled_from(["active", "prospect"])},
    )


def contact_fields() -> st.SearchStrategy[dict[str, str]]:
    """What ``workspace.contacts.add`` takes as keywords, besides the client."""
    return st.fixed_dictionaries(
        {"first_name": names(), "last_name": names(), "email": emails()},
        optional={"phone": st.just("+43 316 555-0100"), "job_title": names()},
    )


def messages() -> st.SearchStrategy[Message]:
    """Messages as a notifier is given them, with few links, copies and places to reply to."""
    boxes = st.builds(Mailbox, st.just("") | names(), emails())
    return st.builds(
        Message,
        id=st.uuids().map(str),
        date=st.datetimes(datetime(2020, 1, 1), _TO, timezones=st.just(UTC)),  # noqa: DTZ001 - as above
        tenant=st.sampled_from(["northwind", "contoso"]),
        type=st.sampled_from(MailType),
        sender=boxes,
        to=boxes,
        cc=st.lists(boxes, max_size=3, unique_by=lambda box: box.email.lower()).map(tuple),
        reply_to=st.none() | boxes,
        subject=names(most=200),
        text=st.lists(names() | st.just("https://portal.northwind.example/accept?t=x"), max_size=5).map("\n".join),
    )


def _stored(text: str) -> str:
    return normalize("NFC", text).strip(PADDING)


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
        places=st.lists(st.builds(Place, texts(), st.none() | texts()), max_size=2).map(tuple),
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
