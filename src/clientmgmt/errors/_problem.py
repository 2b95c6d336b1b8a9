"""Errors as answers over HTTP."""

from __future__ import annotations

import math
from typing import Any

from clientmgmt.errors._answers import ForbiddenError, InvalidLinkError, RateLimitedError
from clientmgmt.errors._base import ClientMgmtError, Violation
from clientmgmt.errors._outside import StorageError
from clientmgmt.errors._refused import BlockedError, ConflictError, InvalidInputError, LimitError, StateError
from clientmgmt.errors._usage import UsageError

__all__ = ["problem"]


def problem(error: ClientMgmtError, *, detailed: bool = False) -> dict[str, Any]:
    """An RFC 9457 problem body.

    The coarse form is for the public: it names the fields that are wrong, never where a duplicate is or why a
    link is dead. ``detailed=True`` is for staff. ``retry_after`` is in seconds, as in the header of that name.

    >>> problem(InvalidLinkError("used"))
    {'type': 'about:blank', 'title': 'invalid link', 'status': 410, 'code': 'invalid_link'}
    """
    shown = error if detailed else _public(type(error))
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": shown.code.replace("_", " "),
        "status": error.http_status,
        "code": shown.code,
    }
    if isinstance(error, RateLimitedError):
        body["retry_after"] = math.ceil(error.retry_after.total_seconds())
    if detailed:
        body["detail"] = str(error)
        if isinstance(error, InvalidLinkError):
            body["reason"] = error.reason
    if violations := error.violations if detailed or isinstance(error, InvalidInputError | LimitError) else ():
        body["errors"] = [_listed(violation) for violation in violations]
    return body


def _public(kind: type[ClientMgmtError]) -> type[ClientMgmtError]:
    coarse = (
        InvalidInputError,
        ConflictError,
        LimitError,
        StateError,
        BlockedError,
        ForbiddenError,
        StorageError,
        UsageError,
    )
    return next((known for known in coarse if issubclass(kind, known)), kind)


def _listed(violation: Violation) -> dict[str, Any]:
    listed: dict[str, Any] = {"code": violation.code, "message": violation.message, "field": violation.field}
    return listed | ({"data": dict(violation.data)} if violation.data else {})
