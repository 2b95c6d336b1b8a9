"""Errors of the program that uses the package."""

from __future__ import annotations

from typing import Any

from clientmgmt.errors._base import ClientMgmtError

__all__ = ["ConfigurationError", "MissingExtraError", "TransactionError", "UsageError"]


class UsageError(ClientMgmtError):
    """The program uses the package wrongly; no user can mend that."""


class TransactionError(UsageError):
    """A unit of work was used after an error, after its end, twice in one thread, or to write while reading."""


class ConfigurationError(UsageError):
    """A setting is missing or malformed."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"this needs an optional dependency: pip install 'clientmgmt[{extra}]'")
        self.extra = extra

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.extra,)
