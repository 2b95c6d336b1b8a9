"""What a host's own Alembic environment needs to know of our tables. Alembic itself is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Literal, Protocol

from clientmgmt.adapters.sqlalchemy.migrations.steps import model_at
from clientmgmt.adapters.sqlalchemy.types import ChoiceType, DateType, DecimalType, JsonType, TimestampType, UuidType
from clientmgmt.ports.storage import Collection

__all__ = ["AutogenContext", "IncludeName", "include_name", "include_name_for", "render_item"]

IncludeName = Callable[[str | None, str, Mapping[str, str | None]], bool]
"""What Alembic asks whether it should look at something in the database: name, kind, names of what it is in."""


class AutogenContext(Protocol):
    """As much of Alembic's context of a migration that is written as is used here."""

    @property
    def imports(self) -> set[str]:
        """The import lines of the migration."""


def include_name_for(
    *, prefix: str = "cm_", schema: str | None = None, collections: Iterable[Collection[Any]] = ()
) -> IncludeName:
    """A filter for the ``include_name`` of an Alembic environment that leaves our tables alone.

    With it, ``alembic revision --autogenerate`` neither drops nor alters them.

    Args:
        prefix: what the names of our tables start with.
        schema: their schema; ``None`` for the default one.
        collections: what else the store keeps in tables of its own, besides the package's.
    """
    ours = {table.name for table in model_at(prefix=prefix).tables.values()}
    ours |= {f"{prefix}{collection.name}" for collection in collections}

    def include_name(name: str | None, type_: str, parent_names: Mapping[str, str | None]) -> bool:
        return not (type_ == "table" and name in ours and parent_names.get("schema_name") == schema)

    return include_name


def include_name(name: str | None, type_: str, parent_names: Mapping[str, str | None]) -> bool:
    """Whether Alembic should look at something in the database: not at our tables, if they are called as usual.

    Args:
        name: what it is called.
        type_: what it is, such as ``"table"``.
        parent_names: what it is in; ``schema_name`` is ``None`` for the default schema.
    """
    return _usual()(name, type_, parent_names)


def render_item(type_: str, item: object, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write the types of our columns into a migration of Alembic in SQLAlchemy's own words.

    It is for the ``render_item`` of an environment whose metadata has our tables, so that a migration written today
    still runs when our types have changed.

    Args:
        type_: what is rendered; only types are.
        item: the type of a column.
        autogen_context: gets the imports that the text needs.

    Returns:
        The text, ``False`` for what is none of ours.
    """
    text = _WORDS.get(type(item)) if type_ == "type" else None
    if text is None:
        return False
    autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
    return text


_usual = cache(include_name_for)

_WORDS: Mapping[type, str] = {
    UuidType: "sa.LargeBinary(16).with_variant(postgresql.UUID(), 'postgresql')",
    TimestampType: "sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), 'postgresql')",
    DecimalType: "sa.BigInteger().with_variant(sa.Numeric(24, 6), 'postgresql')",
    DateType: "sa.Date()",
    ChoiceType: "sa.Text().with_variant(postgresql.TEXT(collation='C'), 'postgresql')",
    JsonType: "sa.Text().with_variant(postgresql.JSON(), 'postgresql')",
}
