"""Time zones by their IANA names."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from clientmgmt.domain.form import Form
from clientmgmt.errors import Violation

__all__ = ["read_zone", "to_local"]

_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*")
_NO_PLACES = frozenset({"Factory"})


def read_zone(form: Form, field: str, value: object) -> str:
    """The name of a time zone that the zone database of this machine knows, as it is written there."""
    name = form.text(field, value, limit=64)
    if name and _zone(name) is None:
        message = "must be an IANA time zone such as Europe/Berlin"
        form.note([Violation("unknown_zone", message, field)])
        return ""
    return name


def to_local(at: datetime, zone: str) -> datetime:
    """The moment ``at`` as clocks in ``zone`` show it."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - slow to load

    return at.astimezone(ZoneInfo(zone))


def _zone(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - slow to load

    if not _NAME.fullmatch(name) or name in _NO_PLACES:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None
