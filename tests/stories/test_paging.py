"""Lists come in pages. Source: glossary: page, cursor."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from clientmgmt import InvalidInputError, Page, iter_all
from tests.box import PASSWORD, Box

Lister = Callable[..., Page[Any]]


def listers(box: Box) -> dict[str, Lister]:
    """Every list, over seven items of which several tie."""
    acme = box.client()
    for name in ("Bolt", "Bolt", "bolt", "Cora", "Dora", "Zoë"):
        box.client(name)
    box.active(acme)
    jane = box.ws.contacts.list().items[0]
    for first in ("Al", "Al", "Bo", "Cy", "Di", "Ed"):
        box.contact(acme, first, email=f"{first.lower()}{box.later(seconds=1).second}@acme.example")
    for number in range(6):
        box.later(minutes=number % 2)
        box.door.sign_in("jane@acme.example", PASSWORD)
    for number in range(7):
        email = f"s{number}@northwind.example"
        box.ws.staff.add(first_name="Same", last_name="Name", email=email, roles=["editor"])
    return {
        "clients": box.ws.clients.list,
        "contacts": lambda **page: box.ws.contacts.list(acme.id, **page),
        "all contacts": box.ws.contacts.list,
        "logins": lambda **page: box.ws.access.logins(jane.user_id, **page),
        "staff": box.ws.staff.list,
        "audit": lambda **page: box.ws.audit.list(action="contact_added", **page),
    }


def test_pages_of_any_size_make_up_the_whole_list(box: Box) -> None:
    for name, lister in listers(box).items():
        whole = lister(limit=1000)
        assert (len(whole), whole.next_cursor) == (7, None), name
        for size in (1, 2, 3, 6, 7, 8):
            assert tuple(iter_all(lister, limit=size)) == whole.items, (name, size)
        assert lister(limit=7).next_cursor is None, name
        assert lister(limit=6).next_cursor is not None, name


def test_a_page_goes_on_where_the_last_one_ended_although_things_were_added(box: Box) -> None:
    for name in "BDF":
        box.client(name)
    first = box.ws.clients.list(limit=2)
    box.client("A")
    box.client("E")
    rest = box.ws.clients.list(cursor=first.next_cursor)
    assert [client.name for client in (*first, *rest)] == ["B", "D", "E", "F"]


def test_lists_are_ordered_by_name_in_every_script_alike(box: Box) -> None:
    names = ["Zebra", "apple", "Éclair", "eclair", "ZEBRA 2", "Ωmega", "Ähre", "10 Downing", "日本", "a b", "a-b"]
    for name in names:
        box.client(name, email="x@y.example")
    listed = [client.name_key for client in box.ws.clients.list()]
    assert listed == sorted(listed)
    assert listed[0] == "10 downing"


def test_a_limit_is_a_whole_number_from_1_to_1000(box: Box) -> None:
    for name, lister in listers(box).items():
        for limit in (0, -1, 1001, 10**20, 1.0, "5", None, True):
            with pytest.raises(InvalidInputError) as refused:
                lister(limit=limit)
            assert set(refused.value.by_field()) == {"limit"}, (name, limit)
        assert lister(limit=1000).next_cursor is None


def packed(kind: str, text: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{kind} {key} {text}".encode("utf-8", "surrogatepass")).decode().rstrip("=")


def raw(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


SOME_ID = str(UUID(int=1))
BAD_CURSORS: dict[str, object] = {
    "empty": "",
    "words": "not a cursor",
    "no text": raw(b"\xff\xfe"),
    "number": 5,
    "bytes": b"AAAA",
    "list": ["x"],
    "non-ASCII": "é",
    "lone surrogate": "\ud800",
    "control": "\x00",
    "one part": raw(b"str"),
    "two parts": raw(f"str {SOME_ID}".encode()),
    "unknown kind": packed("int", "1", SOME_ID),
    "no id": packed("str", "a", "b"),
    "no time": packed("datetime", "yesterday", SOME_ID),
    "huge": "A" * 1_000_000,
}


@pytest.mark.parametrize("name", BAD_CURSORS)
def test_a_cursor_that_no_page_gave_is_refused(memory_box: Box, name: str) -> None:
    for lister in (
        memory_box.ws.clients.list,
        memory_box.ws.contacts.list,
        memory_box.ws.staff.list,
        memory_box.ws.audit.list,
    ):
        with pytest.raises(InvalidInputError) as refused:
            lister(cursor=BAD_CURSORS[name])  # type: ignore[arg-type]
        assert set(refused.value.by_field()) == {"cursor"}


@pytest.mark.parametrize(
    ("name", "cursor"),
    {
        "a time for a name": ("clients", packed("datetime", "2026-01-05T09:00:00+00:00", SOME_ID)),
        "a name for a time": ("audit", packed("str", "acme", SOME_ID)),
        "a time without a zone": ("audit", packed("datetime", "2026-01-05T09:00:00", SOME_ID)),
        "a name with a NUL": ("clients", packed("str", "a\x00", SOME_ID)),
    }.values(),
    ids=["time for name", "name for time", "no zone", "NUL"],
)
def test_a_cursor_of_the_wrong_kind_is_refused_alike_by_every_store(box: Box, name: str, cursor: str) -> None:
    box.client()
    lister = box.ws.clients.list if name == "clients" else box.ws.audit.list
    with pytest.raises(InvalidInputError) as refused:
        lister(cursor=cursor)
    assert set(refused.value.by_field()) == {"cursor"}


def test_limit_and_cursor_are_refused_together(memory_box: Box) -> None:
    with pytest.raises(InvalidInputError) as refused:
        memory_box.ws.clients.list(limit=0, cursor="x")
    assert set(refused.value.by_field()) == {"limit", "cursor"}


def test_the_cursor_of_another_tenant_shows_nothing_of_it(box: Box) -> None:
    for name in "ABC":
        box.client(name)
    cursor = box.ws.clients.list(limit=1).next_cursor
    other = box.neighbour()
    bolt = other.client("Bolt")
    assert other.ws.clients.list(cursor=cursor).items == (bolt,)
