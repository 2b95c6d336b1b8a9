"""Reading the audit trail."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.loading import is_id
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.reach import within_reach
from clientmgmt._usecases.work import Work
from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.results import Page
from clientmgmt.errors import NotFoundError
from clientmgmt.ports.collections import AUDIT
from clientmgmt.ports.storage import Condition

__all__ = ["list_audit"]


def list_audit(
    work: Work,
    *,
    client_id: ClientId | None,
    actor: str | None,
    action: str | None,
    subject: UUID | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    cursor: str | None,
) -> Page[AuditEntry]:
    """A page of the audit trail, newest first; every filter that is given must fit."""
    authorize(work, "audit.list", client_id)
    if not (client_id is None or is_id(client_id)):
        raise NotFoundError("client")
    if not (subject is None or is_id(subject)):
        raise NotFoundError
    form = Form()
    where: list[Condition[AuditEntry]] = [*within_reach(work, AUDIT.client_id)]
    if client_id is not None:
        where.append(AUDIT.client_id.eq(client_id))
    if actor is not None:
        where.append(AUDIT.actor.eq(form.text("actor", actor)))
    if action is not None:
        where.append(AUDIT.action.eq(form.text("action", action)))
    if subject is not None:
        where.append(AUDIT.subject.eq(subject))
    if since is not None:
        where.append(AUDIT.at.ge(form.moment("since", since)))
    if until is not None:
        where.append(AUDIT.at.lt(form.moment("until", until)))
    form.check()
    rows, following = find_page(work, AUDIT, *where, order=AUDIT.at.desc(), limit=limit, cursor=cursor)
    return Page(rows, following)
