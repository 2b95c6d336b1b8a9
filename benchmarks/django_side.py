"""The import beside Django's ``bulk_create``: the same rows into tables like ours, without any check or look-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

import django
import sqlalchemy as sa
from django.conf import settings
from django.db import connections, models, transaction

from benchmarks import hand
from benchmarks.commands import CLOCK, Stage, import_table
from benchmarks.harness import Result, compare

GOALS = {"sqlite": 0.6, "postgresql": 0.8}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "clients": {"version": models.IntegerField},
    "client_references": {},
    "users": {"version": models.IntegerField, "roles": models.JSONField},
    "memberships": {"version": models.IntegerField},
    "new_events": {"attempts": models.IntegerField, "seq": models.BigIntegerField},
    "audit": {"at": models.DateTimeField, "old": models.JSONField, "new": models.JSONField},
}
"""The collections of an import, and their columns that are neither text, time nor id."""


def measure(stage: Stage, side: DjangoSide) -> Iterator[Result]:
    """Import a thousand rows, each a client with one person."""
    ready = [import_table(batch, 1000) for batch in range(1000, 1030)]
    mine, other = iter(ready), iter(ready)
    dialect = stage.engine.dialect.name
    yield compare(
        f"import 1000 rows, {dialect}",
        lambda: stage.ws.clients.import_rows(next(mine)),
        lambda: side.insert(next(other)),
        baseline="Django bulk_create, unchecked",
        goal=GOALS[dialect],
        rounds=7,
        repeat=1,
    )


class DjangoSide:
    """Models like the tables of an import, in the database of a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._alias = stage.engine.dialect.name
        _configure(self._alias, stage.engine.url)
        self._numbers = count(1)
        self._models = {name: _model(self._alias, name) for name in FIELDS}
        with connections[self._alias].schema_editor() as editor:
            for model in self._models.values():
                editor.create_model(model)

    def insert(self, rows: list[Mapping[str, object]]) -> None:
        """Write the rows in one transaction."""
        values = hand.import_values(rows, self._stage.ids.new, CLOCK.now())
        for event in values["new_events"]:
            event["seq"] = self.number()
        with self.atomic():
            for name, model in self._models.items():
                self.model(name).bulk_create([model(**row) for row in values[name]])

    def insert_clients(self, rows: list[dict[str, Any]]) -> None:
        """Write clients."""
        with self.atomic():
            self.model("clients").bulk_create([self._models["clients"](**row) for row in rows])

    def number(self) -> int:
        """The next place in the queue, which nobody has to look for here."""
        return next(self._numbers)

    def atomic(self) -> AbstractContextManager[None]:
        """A transaction."""
        block: AbstractContextManager[None] = transaction.atomic(using=self._alias)
        return block

    def model(self, name: str) -> Any:  # noqa: ANN401 - of Django, which has no types
        """What Django calls the manager of a model."""
        return self._models[name]._default_manager.using(self._alias)  # noqa: SLF001 - its name


def _configure(alias: str, url: sa.URL) -> None:
    engine = {"sqlite": "django.db.backends.sqlite3", "postgresql": "django.db.backends.postgresql"}[alias]
    database: dict[str, Any] = {
        "ENGINE": engine,
        "NAME": url.database,
        "USER": url.username or "",
        "HOST": url.query.get("host", ""),
    }
    if alias == "sqlite":
        database["OPTIONS"] = {"transaction_mode": "IMMEDIATE"}
    if not settings.configured:
        settings.configure(
            DATABASES={"default": database}, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField"
        )
        django.setup()
    connections.databases[alias] = connections.configure_settings({"default": database})["default"]


def _model(alias: str, name: str) -> Any:  # noqa: ANN401 - a class of Django, which has no types
    """A model with the columns of our table of this name."""
    table = hand.TABLES[name]
    fields = {column.name: _field(column, FIELDS[name]) for column in table.c}
    meta = type(
        "Meta", (), {"app_label": "benchmarks", "db_table": f"django_{name}", "indexes": _indexes(table, alias)}
    )
    return type(f"{alias}_{name}", (models.Model,), {**fields, "Meta": meta, "__module__": __name__})


def _indexes(table: sa.Table, alias: str) -> list[Any]:
    number = count()
    return [
        models.Index(
            fields=[column.name for column in index.columns], name=f"{alias[0]}{table.name[-12:]}{next(number)}"
        )
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]


def _field(column: sa.Column[Any], odd: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the same
    if column.name == "id":
        return models.UUIDField(primary_key=True)
    kind = odd.get(column.name)
    if kind is None and ((column.name.endswith("_id") and column.name != "tenant_id") or column.name == "subject"):
        kind = models.UUIDField
    if kind is None and (column.name.endswith(("_at", "_since")) or column.name == "at"):
        kind = models.DateTimeField
    return (kind or models.TextField)(null=True)
