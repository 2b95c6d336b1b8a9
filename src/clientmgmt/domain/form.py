"""Collects everything that is wrong with one input, so that it is refused once and completely."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from clientmgmt.domain.email import Email, parse_email
from clientmgmt.domain.text import clean_text
from clientmgmt.errors import StaleVersionError, Violation, refuse

__all__ = ["Form"]

Choice = TypeVar("Choice", bound=StrEnum)

_TENANT = re.compile(r"[!-~]{1,64}")


class Form:
    """Reads the fields of one input; each reading answers with a usable value or notes why there is none.

    A field that is refused reads as an empty placeholder, so that the remaining fields can still be read;
    :meth:`check` must stand before anything is done with the values.
    """

    __slots__ = ("violations",)

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def note(self, violations: Iterable[Violation]) -> None:
        """Add reasons that were found elsewhere."""
        self.violations.extend(violations)

    def text(self, field: str, value: object, *, limit: int = 200) -> str:
        """Text that must be there."""
        text, violations = clean_text(value, field=field, limit=limit)
        self.violations.extend(violations)
        return text

    def optional(self, field: str, value: object, *, limit: int = 200) -> str | None:
        """Text that may be missing; only spaces count as missing."""
        if value is None:
            return None
        text, violations = clean_text(value, field=field, limit=limit, required=False)
        self.violations.extend(violations)
        return text or None

    def email(self, field: str, value: object) -> Email:
        """An e-mail address that must be there."""
        email, violations = parse_email(value, field=field)
        self.violations.extend(violations)
        return email

    def choice(self, field: str, value: object, choices: type[Choice]) -> Choice:
        """One of the values of an enumeration, written exactly."""
        if isinstance(value, str):
            try:
                return choices(value)
            except ValueError:
                pass
        known = ", ".join(choices)
        self.violations.append(Violation("unknown_name", f"must be one of {known}", field))
        return next(iter(choices))

    def flag(self, field: str, value: object) -> bool:
        """A switch: a bool, never text or a number that looks like one."""
        if isinstance(value, bool):
            return value
        self.violations.append(Violation("not_a_flag", "must be true or false", field))
        return False

    def number(self, field: str, value: object, *, least: int, most: int) -> int:
        """A whole number within bounds: an int, never a bool or text."""
        if type(value) is int and least <= value <= most:
            return value
        self.violations.append(Violation("not_a_number", f"must be a number from {least} to {most}", field))
        return least

    def version(self, stored: int, expected: object) -> None:
        """Raise ``StaleVersionError`` if a version is expected that is not the ``stored`` one any more."""
        if expected is not None and type(expected) is not int:
            self.violations.append(Violation("not_a_number", "must be a whole number", "expected_version"))
        elif expected not in {None, stored}:
            raise StaleVersionError

    def moment(self, field: str, value: object) -> datetime:
        """A time with a zone."""
        if isinstance(value, datetime) and value.utcoffset() is not None:
            with suppress(OverflowError):
                return value.astimezone(UTC)
        self.violations.append(Violation("not_a_time", "must be a time with a zone", field))
        return datetime.max.replace(tzinfo=UTC)

    def tenant(self, field: str, value: object) -> str:
        """The name of a tenant."""
        if isinstance(value, str) and _TENANT.fullmatch(value):
            return value
        message = "must be 1 to 64 printable ASCII characters without spaces"
        self.violations.append(Violation("invalid_tenant", message, field))
        return ""

    def items(self, field: str, value: object) -> tuple[object, ...]:
        """The items of a list or any other iterable but text."""
        if isinstance(value, Iterable) and not isinstance(value, str | bytes):
            return tuple(value)
        self.violations.append(Violation("not_a_list", "must be a list", field))
        return ()

    def check(self) -> None:
        """Raise the :class:`~clientmgmt.errors.RefusedError` for everything noted so far."""
        refuse(self.violations)
