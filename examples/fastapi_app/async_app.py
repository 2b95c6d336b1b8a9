"""The same helpdesk with ``async`` and ``await``: asyncpg, AsyncSession and AsyncClientManager."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
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
    dress,
    remember,
)
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from clientmgmt import (
    AsyncClientManager,
    AsyncEntrance,
    AsyncWorkspace,
    ClientId,
    ContactId,
    Links,
    RefusedError,
    Settings,
    Staff,
)
from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage
from clientmgmt.ports import Notifier
from clientmgmt.serialization import dump

SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)


class Helpdesk:
    """What the application is made of."""

    def __init__(self, engine: AsyncEngine, *, keys: list[str], notifier: Notifier) -> None:
        self.engine = engine
        self.storage = AsyncSQLStorage(engine)
        self.manager = AsyncClientManager(self.storage, secret_keys=keys, settings=SETTINGS, notifier=notifier)


async def helpdesk(request: Request) -> Helpdesk:
    """The one of this application."""
    desk: Helpdesk = request.app.state.desk
    return desk


Desk = Annotated[Helpdesk, Depends(helpdesk)]


async def db(desk: Desk) -> AsyncIterator[AsyncSession]:
    """One transaction per request: committed when the route returns, rolled back when it raises."""
    async with AsyncSession(desk.engine, expire_on_commit=False) as session, session.begin():
        yield session


Tx = Annotated[AsyncSession, Depends(db, scope="function")]  # the commit comes before the response


async def workspace(desk: Desk, tx: Tx, actor: Colleague) -> AsyncWorkspace:
    """The tenant as this colleague sees it, inside the request's transaction."""
    return desk.manager.workspace(TENANT, actor=actor, storage=desk.storage.joined(tx))


StaffWorkspace = Annotated[AsyncWorkspace, Depends(workspace)]


async def entrance(request: Request, desk: Desk) -> AsyncEntrance:
    """What strangers may do."""
    return desk.manager.entrance(TENANT, origin=request.client.host if request.client else "unknown")


Door = Annotated[AsyncEntrance, Depends(entrance)]

staff = APIRouter(prefix="/staff")
portal = APIRouter(prefix="/portal")


@staff.post("/clients", status_code=201)
async def add_client(form: ClientForm, ws: StaffWorkspace, tx: Tx, key: Key = None) -> dict[str, Any]:
    """A client and its first ticket: both, or neither."""
    client = await ws.clients.add(name=form.name, email=form.email, idempotency_key=key)
    ticket = await tx.scalar(sa.select(Ticket).filter_by(client_id=client.id))  # there already if the key was sent
    if ticket is None:
        ticket = Ticket(tenant=TENANT, client_id=client.id, **form.ticket.model_dump())
        tx.add(ticket)
        await tx.flush()
    return {"client": dump(client), "ticket": ticket.id}


@staff.get("/clients")
async def list_clients(ws: StaffWorkspace, cursor: str | None = None) -> dict[str, Any]:
    """A page of clients."""
    page: dict[str, Any] = dump(await ws.clients.list(cursor=cursor))
    return page


@staff.post("/clients/{client_id}/contacts", status_code=201)
async def add_contact(client_id: ClientId, form: ContactForm, ws: StaffWorkspace, key: Key = None) -> dict[str, Any]:
    """One more contact of a client."""
    contact: dict[str, Any] = dump(await ws.contacts.add(client_id, **form.model_dump(), idempotency_key=key))
    return contact


@staff.get("/clients/{client_id}/contacts")
async def list_contacts(client_id: ClientId, ws: StaffWorkspace, cursor: str | None = None) -> dict[str, Any]:
    """A page of a client's contacts."""
    page: dict[str, Any] = dump(await ws.contacts.list(client_id, cursor=cursor))
    return page


@staff.post("/contacts/{contact_id}/invitations", status_code=201)
async def send_invite(
    contact_id: ContactId, ws: StaffWorkspace, desk: Desk, tasks: BackgroundTasks, key: Key = None
) -> dict[str, Any]:
    """Invite a contact. The mail is queued in the transaction, and sent after the response."""
    invitation: dict[str, Any] = dump(await ws.contacts.send_invite(contact_id, idempotency_key=key))
    tasks.add_task(desk.manager.deliver)
    return invitation


@staff.post("/clients/{client_id}/tickets", status_code=201)
async def report(client_id: ClientId, form: ReportForm, ws: StaffWorkspace, tx: Tx) -> dict[str, Any]:
    """A ticket, which is kept even if its reporter cannot become a contact."""
    ticket = Ticket(tenant=TENANT, client_id=client_id, reference=form.reference, subject=form.subject)
    tx.add(ticket)
    try:
        await ws.contacts.add(client_id, **form.reporter.model_dump())
    except RefusedError as refusal:  # what the refused call did is undone, the ticket is not
        ticket.remark = f"{form.reporter.email}: {refusal}"
    await tx.flush()
    return {"ticket": ticket.id, "remark": ticket.remark}


@portal.post("/accept", status_code=204)
async def accept(form: AcceptForm, door: Door, request: Request) -> None:
    """Choose a password, and be signed in."""
    remember(request, await door.accept_invite(form.token, password=form.password))


@portal.post("/sign-in", status_code=204)
async def sign_in(form: SignInForm, door: Door, request: Request) -> None:
    """Sign in with e-mail and password."""
    remember(request, await door.sign_in(form.email, form.password))


def create_app(
    engine: AsyncEngine,
    *,
    keys: list[str],
    notifier: Notifier,
    staff_tokens: Mapping[str, Staff],
    cookie_key: str,
) -> FastAPI:
    """The application over a database."""
    desk = Helpdesk(engine, keys=keys, notifier=notifier)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await desk.manager.upgrade()
        async with engine.begin() as connection:
            await connection.run_sync(create_tables)
        yield
        await desk.storage.close()
        await engine.dispose()

    app = FastAPI(title="Helpdesk", lifespan=lifespan)
    app.state.desk = desk
    dress(app, staff=staff_tokens, cookie_key=cookie_key)
    app.include_router(staff)
    app.include_router(portal)
    return app
