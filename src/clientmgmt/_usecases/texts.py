"""Values to JSON text and back."""

from __future__ import annotations

import json
from typing import TypeVar

# ruff: noqa: PLC0415 - loads cattrs, which importing the package must not

__all__ = ["from_json", "to_json"]

R = TypeVar("R")


def to_json(value: object) -> str:
    """The value as text."""
    from clientmgmt.serialization import dump

    return json.dumps(dump(value))


def from_json(kind: type[R], text: str) -> R:
    """The value that :func:`to_json` made ``text`` of."""
    from clientmgmt.serialization import load

    return load(kind, json.loads(text))
