"""What both applications share: forms, who is asking, how refusals look, and an id for every request."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from starlette.middleware.sessions import SessionMiddleware

from clientmgmt import ClientMgmtError, Session, Staff, UserId, problem

TENANT = "northwind"
PROBLEM = "application/problem+json"
log = logging.getLogger("helpdesk")


class TicketForm(BaseModel):
    """A ticket; the reference is the caller's own and unique."""

    reference: str
    subject: str


class ClientForm(BaseModel):
    """A client with its first ticket. The library checks the fields, and says all at once what is wrong."""

    name: str
    email: str
    ticket: TicketForm


class ContactForm(BaseModel):
    """A contact."""

    first_name: str
    last_name: str
    email: str
    role: str = "client_standard"


class ReportForm(TicketForm):
    """A ticket, and who reported it."""

    reporter: ContactForm


class AcceptForm(BaseModel):
    """What the page behind an invitation link sends."""

    token: str
    password: str


class SignInForm(BaseModel):
    """What the sign-in page sends."""

    email: str
    password: str


Key = Annotated[str | None, Header(alias="Idempotency-Key")]
"""The same key again has no second effect, and gets the same answer."""


def colleague(request: Request, bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Staff:
    """Who of us is asking, by an access token; put your own single sign-on here."""
    staff: Mapping[str, Staff] = request.app.state.staff
    for token, actor in staff.items():
        if secrets.compare_digest(token.encode(), bearer.credentials.encode()):
            return actor
    raise HTTPException(401, "unknown access token")


def remember(request: Request, session: Session) -> None:
    """Keep a signed-in user in the application's signed cookie."""
    request.session.clear()
    request.session["user"] = str(session.actor.user_id)


def visitor(request: Request) -> UserId:
    """The user whom the cookie remembers."""
    if "user" not in request.session:
        raise HTTPException(401, "sign in first")
    return UserId(UUID(request.session["user"]))


Colleague = Annotated[Staff, Depends(colleague)]
Visitor = Annotated[UserId, Depends(visitor)]


def dress(app: FastAPI, *, staff: Mapping[str, Staff], cookie_key: str) -> None:
    """Give the application its cookies, request ids and error pages."""
    app.state.staff = staff
    app.add_middleware(SessionMiddleware, secret_key=cookie_key, same_site="lax", https_only=True)
    app.middleware("http")(number)
    app.exception_handler(ClientMgmtError)(refused)
    app.exception_handler(IntegrityError)(collided)


async def number(request: Request, forward: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give every request an id, for the answer, for problems and for the log."""
    request.state.id = secrets.token_hex(8)
    response = await forward(request)
    response.headers["X-Request-ID"] = request.state.id
    return response


async def refused(request: Request, error: Exception) -> Response:
    """Every refusal of the library as a problem body; only staff is told the details."""
    assert isinstance(error, ClientMgmtError)
    if error.http_status >= 500:
        log.error("request %s failed", request.state.id, exc_info=error)
    return answer(request, problem(error, detailed=request.url.path.startswith("/staff/")))


async def collided(request: Request, _: Exception) -> Response:
    """A row of our own that cannot be: nothing of the request is kept, neither ours nor the library's."""
    return answer(request, {"type": "about:blank", "title": "conflict", "status": 409, "code": "conflict"})


def answer(request: Request, body: dict[str, Any]) -> Response:
    """A problem body that names the request."""
    return JSONResponse(body | {"instance": f"urn:request:{request.state.id}"}, body["status"], media_type=PROBLEM)
