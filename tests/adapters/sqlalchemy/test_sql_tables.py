"""Tables follow the collections; their names are public, and the tenant comes first in every key."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import ColumnCollectionConstraint

from clientmgmt.adapters.sqlalchemy import build_tables
from clientmgmt.adapters.sqlalchemy.mapping import mapper_of
from clientmgmt.adapters.sqlalchemy.tables import column_of
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports import COLLECTIONS, Collection, fields_of
from clientmgmt.testing.kit import BOOKS, KIT, SAMPLES, SHELVES, Shelf, uid

TABLES = build_tables(sa.MetaData())
KEPT_FOR_ITSELF = {"numbers", "schema"}


def columns_of_keys(table: sa.Table, *kinds: type[ColumnCollectionConstraint]) -> list[list[str]]:
    """The columns of the indexes and of those constraints that are of these kinds, or of any."""
    wanted = kinds or (ColumnCollectionConstraint,)
    keys = [key.columns.keys() for key in table.constraints if isinstance(key, wanted)]
    return keys + [index.columns.keys() for index in table.indexes]


def test_there_is_a_table_per_collection_and_two_of_the_store() -> None:
    assert TABLES.keys() == {collection.name for collection in COLLECTIONS} | KEPT_FOR_ITSELF
    assert {table.name for table in TABLES.values()} == {f"cm_{name}" for name in TABLES}


def test_columns_are_called_as_the_attributes() -> None:
    assert TABLES["clients"].c.keys() == [
        "tenant_id",
        "id",
        "kind",
        "name",
        "name_key",
        "email_address",
        "email_key",
        "status",
        "status_since",
        "language",
        "created_at",
        "created_by",
        "version",
    ]
    nullable = {column.name for column in TABLES["clients"].c if column.nullable}
    assert nullable == {"language"}


def test_an_optional_value_object_makes_all_of_its_columns_nullable() -> None:
    samples = build_tables(sa.MetaData(), collections=KIT)["kit_samples"]
    nullable = {column.name for column in samples.c if column.nullable}
    assert {"amount_value", "amount_currency", "place_street"} <= nullable
    assert "place_town" not in nullable


@pytest.mark.parametrize("name", sorted(TABLES.keys() - {"schema"}))
def test_the_tenant_comes_first(name: str) -> None:
    table = TABLES[name]
    assert table.c.keys()[0] == "tenant_id"
    for columns in columns_of_keys(table):
        assert columns[0] == "tenant_id"
    for reference in table.foreign_key_constraints:
        assert [element.column.name for element in reference.elements] == ["tenant_id", "id"]


def test_keys_and_indexes_have_predictable_names() -> None:
    memberships = TABLES["memberships"]
    assert {constraint.name for constraint in memberships.constraints} == {
        "cm_memberships_pkey",
        "cm_membership",
        "cm_memberships_client_id_fkey",
        "cm_memberships_user_id_fkey",
    }
    assert {str(index.name): index.columns.keys() for index in memberships.indexes} == {
        "cm_memberships_by_client_id_name_key": ["tenant_id", "client_id", "name_key", "id"],
        "cm_memberships_by_user_id_name_key": ["tenant_id", "user_id", "name_key", "id"],
        "cm_memberships_by_name_key": ["tenant_id", "name_key", "id"],
    }


def test_a_queue_has_its_sequence_and_its_indexes() -> None:
    outbox = TABLES["outbox"]
    assert outbox.c.seq.identity is not None
    assert {str(index.name): index.columns.keys() for index in outbox.indexes} == {
        "cm_outbox_by_about_created_at": ["tenant_id", "about", "created_at", "id"],
        "cm_outbox_by_client_id_created_at": ["tenant_id", "client_id", "created_at", "id"],
        "cm_outbox_by_created_at": ["tenant_id", "created_at", "id"],
        "cm_outbox_by_due_at": ["tenant_id", "due_at", "id"],
        "cm_outbox_lanes": ["tenant_id", "lane", "seq"],
    }


def test_every_reference_has_an_index_that_starts_with_it() -> None:
    collections = (*COLLECTIONS, *KIT)
    tables = build_tables(sa.MetaData(), collections=collections)
    for collection in collections:
        keys = columns_of_keys(tables[collection.name], sa.PrimaryKeyConstraint, sa.UniqueConstraint)
        starts = {tuple(columns[:2]) for columns in keys}
        for field, _ in collection.references:
            assert ("tenant_id", field.path[0]) in starts


def test_prefix_and_schema_are_the_hosts() -> None:
    metadata = sa.MetaData()
    tables = build_tables(metadata, collections=KIT, prefix="x_", schema="other")
    assert tables["kit_books"].fullname == "other.x_kit_books"
    assert {table.schema for table in metadata.tables.values()} == {"other"}


def test_two_sets_of_tables_fit_into_one_metadata() -> None:
    metadata = sa.MetaData()
    build_tables(metadata, collections=KIT, prefix="a_")
    build_tables(metadata, collections=KIT, prefix="b_")
    assert len(metadata.tables) == 2 * (len(KIT) + 2)


def collection_of(kind: type, **changes: object) -> Collection[Any]:
    return type("Made", (Collection,), {"name": "made", "entity": kind, **changes})()  # type: ignore[no-any-return]


def refused(match: str, *collections: Collection[Any], prefix: str = "cm_") -> None:
    with pytest.raises(ConfigurationError, match=match):
        build_tables(sa.MetaData(), collections=collections, prefix=prefix)


def test_names_that_postgresql_would_cut_are_refused() -> None:
    refused("longer than 63 bytes", *KIT, prefix="p" * 60)


def test_names_are_given_once() -> None:
    refused("two collections are called kit_shelves", SHELVES, SHELVES)
    of = fields_of(Shelf)
    refused("are called cm_made", collection_of(Shelf, unique={"made": (of(lambda shelf: shelf.code),)}))


def test_two_keys_over_the_same_columns_are_refused() -> None:
    of = fields_of(Shelf)
    code, room = of(lambda shelf: shelf.code), of(lambda shelf: shelf.room)
    refused("same columns", collection_of(Shelf, unique={"one": (code, room), "two": (room, code)}))


def test_a_field_without_a_column_is_refused() -> None:
    table = build_tables(sa.MetaData(), collections=KIT)["kit_shelves"]
    with pytest.raises(ConfigurationError, match="has no column"):
        column_of(table, BOOKS.title)


@attrs.frozen
class MaybeEmpty:
    first: str | None
    second: str


@attrs.frozen(kw_only=True)
class Unclear:
    id: UUID
    part: MaybeEmpty | None = None


@attrs.frozen(kw_only=True)
class Twice:
    id: UUID
    part: MaybeEmpty
    part_first: str


@attrs.frozen(kw_only=True)
class Derived:
    id: UUID
    other: str = attrs.field(init=False, default="")


@attrs.frozen(kw_only=True)
class Either:
    id: UUID
    value: int | str | None


@attrs.frozen(kw_only=True)
class Private:
    id: UUID
    _inner: str
    constant: ClassVar[str] = "not stored"


@attrs.frozen
class Deep:
    inner: MaybeEmpty2 | None
    name: str


@attrs.frozen
class MaybeEmpty2:
    first: str
    second: str | None = None


@attrs.frozen
class Outer:
    first: str
    inner: MaybeEmpty2 | None = None


@attrs.frozen(kw_only=True)
class Nested:
    id: UUID
    outer: Outer | None = None


def test_an_optional_value_object_must_tell_whether_it_is_there() -> None:
    refused("nothing tells whether it is there", collection_of(Unclear))


def test_two_attributes_cannot_share_a_column() -> None:
    refused("two columns called part_first", collection_of(Twice))


def test_an_attribute_of_two_types_has_no_column() -> None:
    refused("cannot be stored", collection_of(Either))


def test_attributes_that_the_constructor_does_not_take_are_refused() -> None:
    refused("does not take", collection_of(Derived))


def test_private_attributes_are_stored_under_their_own_name() -> None:
    mapper = mapper_of(collection_of(Private))
    assert mapper.columns == ("id", "_inner")
    entity = mapper.entity(uid(1), "value")
    assert entity == Private(id=uid(1), inner="value")
    assert mapper.reads == {"tenant_id": "tenant", "id": "entity.id", "_inner": "entity._inner"}


@pytest.mark.parametrize("outer", [None, Outer("a"), Outer("a", MaybeEmpty2("b")), Outer("a", MaybeEmpty2("b", "c"))])
def test_optional_value_objects_may_be_nested(outer: Outer | None) -> None:
    mapper = mapper_of(collection_of(Nested))
    reads, nested = dict(mapper.reads), Nested(id=uid(1), outer=outer)
    assert mapper.columns == ("id", "outer_first", "outer_inner_first", "outer_inner_second")
    row = [eval(reads[name], {"entity": nested}) for name in mapper.columns]  # noqa: S307 - source of our own
    assert mapper.entity(*row) == nested


def test_a_field_of_another_collection_is_no_column() -> None:
    tables = build_tables(sa.MetaData(), collections=KIT)
    assert column_of(tables["kit_samples"], SAMPLES.town) is tables["kit_samples"].c.place_town
