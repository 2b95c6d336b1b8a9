"""Pages: a stable order, a limit, and a cursor that says where the next one begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import attrs

from clientmgmt._usecases.work import Work
from clientmgmt.errors import Violation, refuse
from clientmgmt.ports.storage import Collection, Condition, Entity, Order, Source

__all__ = ["find_merged", "find_page"]

R = TypeVar("R")
F = TypeVar("F")

_LARGEST = 1000


def find_page(
    work: Work,
    source: Source[R, F],
    *where: Condition[F],
    order: Order[F],
    limit: int,
    cursor: str | None,
    only: Callable[[R], bool] | None = None,
) -> tuple[tuple[R, ...], str | None]:
    """The rows of one page, and the cursor of the next if there is one.

    One row more than asked for is read, to know whether there is a next page. ``only``: which rows are wanted, where no
    store can tell; then it goes on until the page is full, which is for short lists.
    """
    after = _read_place(cursor, order, limit)
    found = work.uow.find(source, *where, order=order, after=after, limit=limit + 1)
    rows = found if only is None else tuple(filter(only, found))
    while only is not None and len(rows) <= limit < len(found):
        after = _place_of(found[-1], order)
        found = work.uow.find(source, *where, order=order, after=after, limit=limit + 1)
        rows += tuple(filter(only, found))
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], _pack(order, *_place_of(rows[limit - 1], order))


def find_merged(
    work: Work, *parts: tuple[Collection[Any], Sequence[Condition[Any]], Order[Any]], limit: int, cursor: str | None
) -> tuple[tuple[Any, ...], str | None]:
    """The rows of one page over several collections with the same falling order, at the cost of a page of each.

    What moves from an earlier part to a later one in between is shown once, as the later part has it. A cursor fits
    any selection of these parts: it is written for the order of the last.
    """
    last = parts[-1][2]
    after = _read_place(cursor, last, limit)
    found: dict[UUID, Any] = {}
    for collection, where, order in parts:
        found |= {row.id: row for row in work.uow.find(collection, *where, order=order, after=after, limit=limit + 1)}
    rows = sorted(found.values(), key=lambda row: (last.field.get(row), row.id), reverse=True)
    if len(rows) <= limit:
        return tuple(rows), None
    return tuple(rows[:limit]), _pack(last, last.field.get(rows[limit - 1]), rows[limit - 1].id)


def _read_place(cursor: str | None, order: Order[Any], limit: object) -> tuple[object, UUID] | None:
    after, violations = _read_cursor(cursor, order)
    if type(limit) is not int or not 1 <= limit <= _LARGEST:
        violations += (Violation("out_of_range", f"must be a whole number from 1 to {_LARGEST}", "limit"),)
    refuse(violations)
    return after


def _place_of(row: Any, order: Order[Any]) -> tuple[object, UUID]:  # noqa: ANN401 - an entity or a pair of them
    parts: tuple[Entity, ...] = row if isinstance(row, tuple) else (row,)
    entity = next(part for part in parts if isinstance(part, order.field.entity))
    return order.field.get(entity), parts[0].id


def _pack(order: Order[Any], value: object, key: UUID) -> str:
    text = value.isoformat() if isinstance(value, datetime) else value
    packed = f"{order.field!r} {key} {text}"
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, order: Order[Any]) -> tuple[tuple[object, UUID] | None, tuple[Violation, ...]]:
    if cursor is None:
        return None, ()
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        field, key, text = packed.split(" ", 2)
        if field == repr(order.field) and "\0" not in text:
            return (_read_value(order, text), UUID(key)), ()
    except (binascii.Error, ValueError, TypeError, OverflowError):
        pass
    return None, (Violation("invalid_cursor", "is not a cursor that a page of this list gave", "cursor"),)


def _read_value(order: Order[Any], text: str) -> object:
    """Text, or a time where the order is one of times: lists are ordered by nothing else."""
    field = attrs.fields_dict(order.field.entity)[order.field.path[0]]
    return datetime.fromisoformat(text).astimezone(UTC) if "datetime" in str(field.type) else text
