"""A host on Django: settings for the process, and databases that tests add to them."""

from __future__ import annotations

import atexit
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from tempfile import mkdtemp

from sqlalchemy import make_url

from clientmgmt.adapters.sqlalchemy.django import DjangoStorage
from clientmgmt.ports import UnitOfWork

__all__ = ["ThreadedStorage", "configure", "database", "postgresql", "sqlite"]

_numbers = count(1)


@cache
def configure() -> None:
    """Set Django up, once per process; its default database is a new file."""
    import django  # noqa: PLC0415 - most tests do without
    from django.conf import settings  # noqa: PLC0415 - the same

    folder = mkdtemp(prefix="clientmgmt-django-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings.configure(
        DATABASES={"default": sqlite(f"{folder}/default.db")},
        INSTALLED_APPS=["tests.django_site"],
        LOGGING_CONFIG=None,
        USE_TZ=True,
        TIME_ZONE="Asia/Kathmandu",
    )
    django.setup()


def sqlite(path: str) -> dict[str, object]:
    """What Django is told of an SQLite file."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path}


def postgresql(url: str) -> dict[str, object]:
    """What Django is told of the PostgreSQL of the tests."""
    parsed = make_url(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parsed.database,
        "USER": parsed.username or "",
        "PASSWORD": parsed.password or "",
        "HOST": parsed.host or parsed.query.get("host", ""),
        "PORT": parsed.port or "",
    }


@contextmanager
def database(config: dict[str, object]) -> Iterator[str]:
    """The alias of one more database."""
    configure()
    from django.db import connections  # noqa: PLC0415 - the same

    alias = f"test_{next(_numbers)}"
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: config})[alias]
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


class ThreadedStorage(DjangoStorage):
    """Closes the connections of threads that end, as a host would."""

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        try:
            with super().unit_of_work(tenant, read_only=read_only) as uow:
                yield uow
        finally:
            if threading.current_thread() is not threading.main_thread():
                self._wrapper().close()
