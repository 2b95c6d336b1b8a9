"""Columns give back the values they were given, and refuse what they cannot keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.types import (
    DecimalType,
    JsonType,
    TimestampType,
    UuidType,
    column_type,
    text_type,
)
from clientmgmt.domain.states import ClientStatus
from clientmgmt.errors import ConfigurationError
from clientmgmt.testing.kit import Place

AT = datetime(2026, 7, 1, 12, 30, 1, 123456, tzinfo=UTC)
ID = uuid5(UUID(int=0), "an id")
VALUES: Mapping[str, tuple[Any, Any]] = {
    "uuid": (UUID, ID),
    "greatest uuid": (UUID, UUID(int=2**128 - 1)),
    "time": (datetime, AT),
    "time before 1970": (datetime, datetime(1583, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)),
    "last time": (datetime, datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    "day": (date, date(2024, 2, 29)),
    "text": (str, "Zoë 👋 ' \" \\ \n"),
    "no text": (str, ""),
    "bool": (bool, False),
    "int": (int, -(2**63)),
    "decimal": (Decimal, Decimal("-123456789012.000001")),
    "choice": (ClientStatus, ClientStatus.PAUSED),
    "tuple": (tuple[str, ...], ("ü", "", "b")),
    "empty tuple": (tuple[str, ...], ()),
    "tuple of values": (tuple[Place, ...], (Place("ü", "1"), Place("", None))),
    "mapping": (Mapping[str, str], {"b": "ü", "a": ""}),
    "dict": (dict[str, str], {"b": "ü"}),
}


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'types.db'}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    name = "sqlite_engine" if request.param == "sqlite" else "postgres_engine"
    engine: sa.Engine = request.getfixturevalue(name)
    return engine


def table_of(hint: object) -> sa.Table:
    columns = (sa.Column("value", column_type(hint)), sa.Column("missing", column_type(hint)))
    return sa.Table("cm_types", sa.MetaData(), *columns, prefixes=["TEMPORARY"])


def written_and_read(engine: sa.Engine, hint: object, value: object) -> tuple[Any, Any]:
    table = table_of(hint)
    with engine.connect() as connection:
        table.create(connection)
        connection.execute(sa.insert(table).values(value=value, missing=None))
        found = sa.select(table.c.value, table.c.missing).where(table.c.value == value)
        read, missing = connection.execute(found).one()
    return read, missing


@pytest.mark.parametrize(("hint", "value"), VALUES.values(), ids=VALUES.keys())
def test_a_value_comes_back_as_it_was(engine: sa.Engine, hint: object, value: object) -> None:
    if hint not in {Mapping[str, str], dict[str, str]} and not isinstance(value, tuple):
        read, missing = written_and_read(engine, hint, value)
    else:
        table = table_of(hint)
        with engine.connect() as connection:
            table.create(connection)
            connection.execute(sa.insert(table).values(value=value, missing=None))
            read, missing = connection.execute(sa.select(table.c.value, table.c.missing)).one()
    assert read == value
    assert type(read) is type(value)
    assert missing is None


def test_times_of_any_zone_come_back_in_utc(engine: sa.Engine) -> None:
    read, _ = written_and_read(engine, datetime, AT.astimezone(timezone(timedelta(hours=-7))))
    assert read == AT
    assert read.tzinfo is UTC


def test_ids_come_back_whole(engine: sa.Engine) -> None:
    read, _ = written_and_read(engine, UUID, ID)
    assert (repr(read), hash(read), read.is_safe, read.version) == (repr(ID), hash(ID), ID.is_safe, 5)


def test_decimals_have_six_places_on_both(engine: sa.Engine) -> None:
    read, _ = written_and_read(engine, Decimal, Decimal("1.5"))
    assert str(read) == "1.500000"


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (datetime, AT.replace(tzinfo=None)),
        (Decimal, Decimal("0.0000001")),
        (Decimal, Decimal("9223372036854.775808")),
        (Decimal, Decimal("NaN")),
        (Decimal, Decimal("Infinity")),
        (Decimal, Decimal("1." + "0" * 40 + "1")),
        (dict[str, float], {"a": float("nan")}),
    ],
)
def test_what_cannot_be_kept_is_refused(engine: sa.Engine, hint: object, value: object) -> None:
    with pytest.raises(sa.exc.StatementError):
        written_and_read(engine, hint, value)


def test_an_unknown_member_is_no_silent_text(engine: sa.Engine) -> None:
    table = table_of(ClientStatus)
    with engine.connect() as connection:
        table.create(connection)
        connection.execute(sa.insert(table).values(value="strange"))
        with pytest.raises(KeyError):
            connection.execute(sa.select(table)).all()


def test_text_orders_by_code_point(engine: sa.Engine) -> None:
    table = table_of(str)
    texts = ["a", "B", "á", "Z", "ﬀ", "🦀", "_", "ab", "a b", ""]
    with engine.connect() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), [{"value": text} for text in texts])
        ordered = connection.execute(sa.select(table.c.value).order_by(table.c.value)).scalars().all()
    assert list(ordered) == sorted(texts)


def test_the_types_of_the_databases_are_their_own(postgres_engine: sa.Engine, sqlite_engine: sa.Engine) -> None:
    def ddl(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> str:
        return str(type_.compile(dialect=dialect))

    types: list[sa.types.TypeEngine[Any]] = [
        TimestampType(),
        UuidType(),
        DecimalType(),
        JsonType(dict),
        text_type(),
        column_type(ClientStatus),
    ]
    assert [ddl(type_, sqlite_engine.dialect) for type_ in types] == [
        "BIGINT",
        "BLOB",
        "BIGINT",
        "TEXT",
        "TEXT",
        "TEXT",
    ]
    assert [ddl(type_, postgres_engine.dialect) for type_ in types] == [
        "TIMESTAMP WITH TIME ZONE",
        "UUID",
        "NUMERIC(24, 6)",
        "JSON",
        'TEXT COLLATE "C"',
        'TEXT COLLATE "C"',
    ]


@pytest.mark.parametrize("hint", [float, set[str], object, int | str])
def test_other_types_have_no_column(hint: object) -> None:
    with pytest.raises(ConfigurationError, match="cannot be stored"):
        column_type(hint)
