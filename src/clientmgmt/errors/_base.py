"""What all errors have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

__all__ = ["ClientMgmtError", "Violation", "snake_case"]


@attrs.frozen
class Violation:
    """One reason why something is refused.

    ``code`` is stable and snake_case, ``message`` is for people, ``field`` names the input it is about
    (``None``: the whole), ``data`` holds facts such as a limit. The refused value itself is never in it.
    """

    code: str
    message: str
    field: str | None = None
    data: Mapping[str, str | int] = attrs.field(factory=dict)


def snake_case(name: str) -> str:
    """The name of a class as a code: ``StaleVersion`` gives ``stale_version``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class ClientMgmtError(Exception):
    """The root of all errors of this package.

    ``code`` is the class name in snake_case without "Error"; ``violations`` are the reasons, possibly none.
    """

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "client_mgmt"
    violations: tuple[Violation, ...] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = snake_case(cls.__name__.removesuffix("Error"))
