"""Drafts a step: the operations that the derived tables need beyond the steps that are there.

``python -m tests.adapters.sqlalchemy.draft`` prints it. It is a beginning: read it, and write the downgrade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import build_tables
from clientmgmt.adapters.sqlalchemy.migrations.steps import model_at
from clientmgmt.adapters.sqlalchemy.types import ChoiceType, DecimalType, JsonType, TimestampType, UuidType
from clientmgmt.ports import COLLECTIONS

__all__ = ["draft"]

KINDS: Mapping[type, str] = {
    UuidType: "uuid",
    TimestampType: "timestamp",
    DecimalType: "price",
    ChoiceType: "text",
    JsonType: "json",
    sa.Date: "day",
    sa.Boolean: "flag",
    sa.BigInteger: "number",
    sa.Integer: "small",
    sa.Text: "text",
}


def draft(tables: Iterable[sa.Table], known: Mapping[str, sa.Table]) -> Iterator[str]:
    """The lines of a step that takes ``known`` to ``tables``. Both have names without a prefix."""
    for table in tables:
        if table.name not in known:
            yield from created(table)
            continue
        before = known[table.name]
        yield from (f'ops.add_column("{table.name}", {column(each)})' for each in table.c if each.name not in before.c)
        names = {index.name for index in before.indexes}
        yield from (index(each) for each in sorted_indexes(table) if each.name not in names)


def created(table: sa.Table) -> Iterator[str]:
    yield "ops.create_table("
    yield f'    "{table.name}",'
    yield from (f"    {column(each)}," for each in table.c)
    yield from (f"    {key(each)}," for each in sorted(table.constraints, key=rank))
    yield ")"
    yield from map(index, sorted_indexes(table))


def column(given: sa.Column[Any]) -> str:
    options = [", nullable=True"] * bool(given.nullable) + [", identity=True"] * (given.identity is not None)
    return f'column("{given.name}", {KINDS[type(given.type)]}(){"".join(options)})'


def key(constraint: sa.Constraint) -> str:
    if isinstance(constraint, sa.ForeignKeyConstraint):
        return f'reference("{constraint.name}", "{constraint.column_keys[1]}", "{constraint.referred_table.name}")'
    assert isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
    kind = "primary_key" if isinstance(constraint, sa.PrimaryKeyConstraint) else "unique"
    return f"{kind}({quoted([constraint.name, *constraint.columns.keys()])})"


def index(given: sa.Index) -> str:
    assert given.table is not None
    return f"ops.create_index({quoted([given.name, given.table.name, *given.columns.keys()])})"


def quoted(names: Iterable[object]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def sorted_indexes(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda each: str(each.name))


def rank(constraint: sa.Constraint) -> tuple[int, str]:
    kinds = (sa.PrimaryKeyConstraint, sa.UniqueConstraint, sa.ForeignKeyConstraint)
    return [isinstance(constraint, kind) for kind in kinds].index(True), str(constraint.name)


if __name__ == "__main__":
    derived = build_tables(sa.MetaData(), collections=COLLECTIONS, prefix="")
    print("\n".join(draft(derived.values(), model_at(prefix="").tables)))  # noqa: T201 - that is what it is for
