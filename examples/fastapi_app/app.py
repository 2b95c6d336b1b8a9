"""A helpdesk on FastAPI: the library works inside the transaction of each request.

Start it with ``uvicorn --factory examples.fastapi_app.app:from_environment``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import sqlalchemy as sa
from examples.fastapi_app.tables import Ticket, create_tables
from examples.fastapi_app.web import (
    TENANT,
    AcceptForm,
    ClientForm,
    Colleague,
    ContactForm,
    Key,
    ReportForm,
    SignInForm,
    Visitor,
    dress,
    log,
    remember,
)
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session as DbSession

from clientmgmt import (
    ClientId,
    ClientManager,
    ClientMgmtError,
    ContactId,
    ContactState,
    Entrance,
    Links,
    RefusedError,
    Settings,
    Staff,
    System,
    Workspace,
)
from clientmgmt.adapters.smtp import SmtpNotifier
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.ports import Notifier
from clientmgmt.serialization import dump

SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)


class Helpdesk:
    """What the application is made of."""

    def __init__(self, engine: sa.Engine, *, keys: list[str], notifier: Notifier) -> None:
        self.engine = engine
        self.storage = SQLStorage(engine)
        self.manager = ClientManager(self.storage, secret_keys=keys, settings=SETTINGS, notifier=notifier)


def helpdesk(request: Request) -> Helpdesk:
    """The one of this application."""
    desk: Helpdesk = request.app.state.desk
    return desk


Desk = Annotated[Helpdesk, Depends(helpdesk)]


def db(desk: Desk) -> Iterator[DbSession]:
    """One transaction per request: committed when the route returns, rolled back when it raises."""
    with DbSession(desk.engine) as session, session.begin():
        yield session


Tx = Annotated[DbSession, Depends(db, scope="function")]  # the commit comes before the response


def workspace(desk: Desk, tx: Tx, actor: Colleague) -> Workspace:
    """The tenant as this colleague sees it, inside the request's transaction."""
    return desk.manager.workspace(TENANT, actor=actor, storage=desk.storage.joined(tx))


StaffWorkspace = Annotated[Workspace, Depends(workspace)]


def entrance(request: Request, desk: Desk) -> Entrance:
    """What strangers may do."""
    return desk.manager.entrance(TENANT, origin=request.client.host if request.client else "unknown")


Door = Annotated[Entrance, Depends(entrance)]

staff = APIRouter(prefix="/staff")
portal = APIRouter(prefix="/portal")


@staff.post("/clients", status_code=201)
def add_client(form: ClientForm, ws: StaffWorkspace, tx: Tx, key: Key = None) -> dict[str, Any]:
    """A client and its first ticket: both, or neither."""
    client = ws.clients.add(name=form.name, email=form.email, idempotency_key=key)
    ticket = tx.scalar(sa.select(Ticket).filter_by(client_id=client.id))  # there already if the key was sent before
    if ticket is None:
        ticket = Ticket(tenant=TENANT, client_id=client.id, **form.ticket.model_dump())
        tx.add(ticket)
        tx.flush()
    return {"client": dump(client), "ticket": ticket.id}


@staff.get("/clients")
def list_clients(ws: StaffWorkspace, cursor: str | None = None) -> dict[str, Any]:
    """A page of clients."""
    page: dict[str, Any] = dump(ws.clients.list(cursor=cursor))
    return page


@staff.post("/clients/{client_id}/contacts", status_code=201)
def add_contact(client_id: ClientId, form: ContactForm, ws: StaffWorkspace, key: Key = None) -> dict[str, Any]:
    """One more contact of a client."""
    contact: dict[str, Any] = dump(ws.contacts.add(client_id, **form.model_dump(), idempotency_key=key))
    return contact


@staff.get("/clients/{client_id}/contacts")
def list_contacts(client_id: ClientId, ws: StaffWorkspace, cursor: str | None = None) -> dict[str, Any]:
    """A page of a client's contacts, each with its state and what became of its mail."""
    page: dict[str, Any] = dump(ws.contacts.list(client_id, cursor=cursor))
    return page


@staff.post("/contacts/{contact_id}/invitations", status_code=201)
def send_invite(
    contact_id: ContactId, ws: StaffWorkspace, desk: Desk, tasks: BackgroundTasks, key: Key = None
) -> dict[str, Any]:
    """Invite a contact. The mail is queued in the transaction, and sent after the response."""
    invitation: dict[str, Any] = dump(ws.contacts.send_invite(contact_id, idempotency_key=key))
    tasks.add_task(desk.manager.deliver)
    return invitation


@staff.post("/clients/{client_id}/tickets", status_code=201)
def report(client_id: ClientId, form: ReportForm, ws: StaffWorkspace, tx: Tx) -> dict[str, Any]:
    """A ticket, which is kept even if its reporter cannot become a contact."""
    ticket = Ticket(tenant=TENANT, client_id=client_id, reference=form.reference, subject=form.subject)
    tx.add(ticket)
    try:
        ws.contacts.add(client_id, **form.reporter.model_dump())
    except RefusedError as refusal:  # what the refused call did is undone, the ticket is not
        ticket.remark = f"{form.reporter.email}: {refusal}"
    tx.flush()
    return {"ticket": ticket.id, "remark": ticket.remark}


@portal.get("/invitation")
def inspect(t: str, door: Door) -> dict[str, Any]:
    """What the page behind an invitation link shows; changes nothing."""
    view: dict[str, Any] = dump(door.inspect(t))
    return view


@portal.post("/accept", status_code=204)
def accept(form: AcceptForm, door: Door, request: Request) -> None:
    """Choose a password, and be signed in."""
    remember(request, door.accept_invite(form.token, password=form.password))


@portal.post("/sign-in", status_code=204)
def sign_in(form: SignInForm, door: Door, request: Request) -> None:
    """Sign in with e-mail and password."""
    remember(request, door.sign_in(form.email, form.password))


@portal.post("/sign-out", status_code=204)
def sign_out(request: Request) -> None:
    """Forget who it was."""
    request.session.clear()


@portal.get("/me")
def me(user: Visitor, desk: Desk) -> list[dict[str, Any]]:
    """Who is signed in, for each client. The page reads on behalf of the user, and only what is the user's."""
    ws = desk.manager.workspace(TENANT, actor=System("portal"))
    mine = [dump(contact) for contact in ws.contacts.list(user_id=user) if contact.state is ContactState.ACTIVE]
    if not mine:
        raise HTTPException(401, "sign in again")
    return mine


async def deliver_regularly(manager: ClientManager, seconds: float) -> None:
    """Send what is due, such as mail that failed before. Any number of processes may do so."""
    while True:
        try:
            await run_in_threadpool(manager.deliver)
        except ClientMgmtError:
            log.exception("mail has to wait")
        await asyncio.sleep(seconds)


def create_app(
    engine: sa.Engine,
    *,
    keys: list[str],
    notifier: Notifier,
    staff_tokens: Mapping[str, Staff],
    cookie_key: str,
    deliver_every: float = 30,
) -> FastAPI:
    """The application over a database."""
    desk = Helpdesk(engine, keys=keys, notifier=notifier)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.manager.upgrade()
        with engine.begin() as connection:
            create_tables(connection)
        worker = asyncio.create_task(deliver_regularly(desk.manager, deliver_every))
        yield
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    app = FastAPI(title="Helpdesk", lifespan=lifespan)
    app.state.desk = desk
    dress(app, staff=staff_tokens, cookie_key=cookie_key)
    app.include_router(staff)
    app.include_router(portal)
    return app


def open_engine(url: str) -> sa.Engine:
    """An engine; SQLite has to be told to check foreign keys."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    return engine


def from_environment() -> FastAPI:
    """The application as the environment wants it: secrets never stand in code."""
    env = os.environ
    return create_app(
        open_engine(env["DATABASE_URL"]),
        keys=env["CLIENTMGMT_KEYS"].split(),
        notifier=SmtpNotifier(env["SMTP_HOST"]),
        staff_tokens={env["ADMIN_TOKEN"]: Staff("admin", roles={"administrator"})},
        cookie_key=env["COOKIE_KEY"],
    )
