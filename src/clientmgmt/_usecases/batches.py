"""The rows of bulk commands, some hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from clientmgmt._usecases.desk import Desk
from clientmgmt.errors import InvalidInputError, Violation

__all__ = ["Cells", "batches"]

Cells = Mapping[str, object]


def batches(desk: Desk, rows: Iterable[Cells]) -> Iterator[list[Cells]]:
    """As many rows as are written together (``Rules.bulk``), until there are none left."""
    size = desk.wiring.settings(desk.tenant).rules.bulk.rows
    source = _iterator(rows)
    while batch := list(islice(source, size)):
        yield batch


def _iterator(rows: object) -> Iterator[Cells]:
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        return iter(rows)
    raise InvalidInputError([Violation("not_a_list", "must be a list of rows", "rows")])
