"""An engine over connections that somebody else opens, begins, commits and closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from clientmgmt.errors import ConfigurationError, MissingExtraError

__all__ = ["engine_over"]

_URLS = {"sqlite": "sqlite://", "postgresql": "postgresql+psycopg://"}


class _Lent:
    """A connection of the driver on which statements may be run; all else is its owner's."""

    def __init__(self, driver: Any, cursor: Callable[[Any], Any]) -> None:  # noqa: ANN401 - of either driver
        self._driver, self._cursor = driver, cursor

    def cursor(self) -> Any:  # noqa: ANN401 - of either driver
        """A cursor that reads and writes as SQLAlchemy expects, whatever the owner has set."""
        return self._cursor(self._driver)

    def refrain(self, *_: object, **__: object) -> None:
        """What a borrower must not do."""

    commit = rollback = close = refrain
    create_function = add_notice_handler = refrain  # what the dialects set up on new connections

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the driver has
        return getattr(self._driver, name)


def engine_over(vendor: str, borrow: Callable[[], Any]) -> sa.Engine:
    """An engine whose every connection is what ``borrow`` answers at that moment.

    ``ConfigurationError`` if ``vendor`` is neither sqlite nor postgresql, ``MissingExtraError`` without psycopg.
    """
    if vendor not in _URLS:
        message = f"no store for {vendor}: sqlite and postgresql are known"
        raise ConfigurationError(message)
    options: dict[str, Any] = {"use_native_hstore": False} if vendor == "postgresql" else {}
    cursor = _psycopg_cursor if vendor == "postgresql" else _sqlite_cursor
    try:
        return sa.create_engine(
            _URLS[vendor],
            creator=lambda: _Lent(borrow(), cursor),
            poolclass=sa.NullPool,
            pool_reset_on_return=None,
            hide_parameters=True,
            **options,
        )
    except ModuleNotFoundError:
        extra = "postgres"
        raise MissingExtraError(extra) from None


def _sqlite_cursor(driver: Any) -> Any:  # noqa: ANN401 - of the driver
    return driver.cursor()


def _psycopg_cursor(driver: Any) -> Any:  # noqa: ANN401 - of the driver
    """One that binds on the server, answers tuples, and reads times with their zone."""
    from psycopg import Cursor  # noqa: PLC0415 - an extra
    from psycopg.rows import tuple_row  # noqa: PLC0415 - the same
    from psycopg.types.datetime import TimestamptzLoader  # noqa: PLC0415 - the same

    cursor = Cursor(driver, row_factory=tuple_row)
    cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    return cursor
