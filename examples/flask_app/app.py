"""A helpdesk on Flask: the library works inside the transaction of each view.

Start it with ``flask --app examples.flask_app.app:from_environment run``.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import sqlalchemy as sa
from examples.flask_app.tables import Ticket, create_tables
from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request, session
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as DbSession
from sqlalchemy.orm import scoped_session, sessionmaker

from clientmgmt import (
    ClientId,
    ClientManager,
    ClientMgmtError,
    ContactId,
    ContactState,
    Entrance,
    Links,
    RefusedError,
    Session,
    Settings,
    Staff,
    System,
    UserId,
    Workspace,
    problem,
)
from clientmgmt.adapters.smtp import SmtpNotifier
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.ports import Notifier
from clientmgmt.serialization import dump

P = ParamSpec("P")
R = TypeVar("R")

TENANT = "northwind"
SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)
log = logging.getLogger("helpdesk")


class Helpdesk:
    """What the application is made of."""

    def __init__(self, engine: sa.Engine, *, keys: list[str], notifier: Notifier, staff: Mapping[str, Staff]) -> None:
        self.db = scoped_session(sessionmaker(engine))
        self.storage = SQLStorage(engine)
        self.manager = ClientManager(self.storage, secret_keys=keys, settings=SETTINGS, notifier=notifier)
        self.staff = staff


def helpdesk() -> Helpdesk:
    """The one of this application."""
    desk: Helpdesk = current_app.extensions["helpdesk"]
    return desk


def transactional(view: Callable[P, R]) -> Callable[P, R]:
    """Run a view in one transaction: committed when it returns, before the response; rolled back when it raises."""

    @wraps(view)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with helpdesk().db.begin():
            return view(*args, **kwargs)

    return inside


def workspace() -> Workspace:
    """The tenant as the colleague who asks sees it, inside the transaction of the view."""
    desk = helpdesk()
    return desk.manager.workspace(TENANT, actor=colleague(desk.staff), storage=desk.storage.joined(desk.db))


def colleague(staff: Mapping[str, Staff]) -> Staff:
    """Who of us is asking, by an access token; put your own single sign-on here."""
    given = (request.authorization and request.authorization.token) or ""
    known = (actor for token, actor in staff.items() if secrets.compare_digest(token.encode(), given.encode()))
    return next(known, None) or abort(401)


def entrance() -> Entrance:
    """What strangers may do."""
    return helpdesk().manager.entrance(TENANT, origin=request.remote_addr or "unknown")


def form(*names: str) -> dict[str, Any]:
    """These fields of the body. The library checks them, and says all at once what is wrong."""
    body = request.get_json()
    if not isinstance(body, dict):
        abort(400)
    return {name: body.get(name) for name in names}


def idempotency_key() -> str | None:
    """The same key again has no second effect, and gets the same answer."""
    return request.headers.get("Idempotency-Key")


staff = Blueprint("staff", __name__, url_prefix="/staff")
portal = Blueprint("portal", __name__, url_prefix="/portal")


@staff.post("/clients")
@transactional
def add_client() -> tuple[Response, int]:
    """A client and its first ticket: both, or neither."""
    ws, db = workspace(), helpdesk().db
    client = ws.clients.add(**form("name", "email"), idempotency_key=idempotency_key())
    ticket = db.scalar(sa.select(Ticket).filter_by(client_id=client.id))  # there already if the key was sent before
    ticket = ticket or open_ticket(db, client.id)
    return jsonify(client=dump(client), ticket=ticket.id), 201


@staff.get("/clients")
@transactional
def list_clients() -> Response:
    """A page of clients."""
    return jsonify(dump(workspace().clients.list(cursor=request.args.get("cursor"))))


@staff.post("/clients/<uuid:client_id>/contacts")
@transactional
def add_contact(client_id: UUID) -> tuple[Response, int]:
    """One more contact of a client."""
    fields = form("first_name", "last_name", "email")
    contact = workspace().contacts.add(ClientId(client_id), **fields, idempotency_key=idempotency_key())
    return jsonify(dump(contact)), 201


@staff.get("/clients/<uuid:client_id>/contacts")
@transactional
def list_contacts(client_id: UUID) -> Response:
    """A page of a client's contacts, each with its state and what became of its mail."""
    return jsonify(dump(workspace().contacts.list(ClientId(client_id), cursor=request.args.get("cursor"))))


@staff.post("/contacts/<uuid:contact_id>/invitations")
def send_invite(contact_id: UUID) -> tuple[Response, int]:
    """Invite a contact. The mail is queued in the transaction, and sent after the response."""
    response = queue_invitation(ContactId(contact_id))
    response.call_on_close(helpdesk().manager.deliver)
    return response, 201


@transactional
def queue_invitation(contact_id: ContactId) -> Response:
    """Write the invitation and its mail."""
    return jsonify(dump(workspace().contacts.send_invite(contact_id, idempotency_key=idempotency_key())))


@staff.post("/clients/<uuid:client_id>/tickets")
@transactional
def report(client_id: UUID) -> tuple[Response, int]:
    """A ticket, which is kept even if its reporter cannot become a contact."""
    ws = workspace()
    ticket = open_ticket(helpdesk().db, ClientId(client_id))
    try:
        ws.contacts.add(ClientId(client_id), **form("first_name", "last_name", "email"))
    except RefusedError as refusal:  # what the refused call did is undone, the ticket is not
        ticket.remark = str(refusal)
    return jsonify(ticket=ticket.id, remark=ticket.remark), 201


def open_ticket(db: scoped_session[DbSession], client_id: ClientId) -> Ticket:
    """A ticket as the body describes it."""
    body = form("reference", "subject")
    if not all(isinstance(text, str) and text for text in body.values()):
        abort(422)
    ticket = Ticket(tenant=TENANT, client_id=client_id, **body)
    db.add(ticket)
    db.flush()
    return ticket


@portal.get("/invitation")
def inspect() -> Response:
    """What the page behind an invitation link shows; changes nothing."""
    return jsonify(dump(entrance().inspect(request.args.get("t", ""))))


@portal.post("/accept")
def accept() -> tuple[str, int]:
    """Choose a password, and be signed in."""
    remember(entrance().accept_invite(**form("token", "password")))
    return "", 204


@portal.post("/sign-in")
def sign_in() -> tuple[str, int]:
    """Sign in with e-mail and password."""
    remember(entrance().sign_in(**form("email", "password")))
    return "", 204


@portal.post("/sign-out")
def sign_out() -> tuple[str, int]:
    """Forget who it was."""
    session.clear()
    return "", 204


@portal.get("/me")
def me() -> Response:
    """Who is signed in, for each client. The page reads on behalf of the user, and only what is the user's."""
    user = UserId(UUID(session["user"])) if "user" in session else abort(401)
    contacts = helpdesk().manager.workspace(TENANT, actor=System("portal")).contacts.list(user_id=user)
    mine = [dump(contact) for contact in contacts if contact.state is ContactState.ACTIVE]
    return jsonify(mine) if mine else abort(401)


def remember(signed_in: Session) -> None:
    """Keep a signed-in user in the application's signed cookie."""
    session.clear()
    session["user"] = str(signed_in.actor.user_id)


def refused(error: ClientMgmtError) -> Response:
    """Every refusal of the library as a problem body; only staff is told the details."""
    if error.http_status >= 500:
        log.error("request %s failed", g.request_id, exc_info=error)
    return answer(problem(error, detailed=request.blueprint == "staff"))


def collided(_: IntegrityError) -> Response:
    """A row of our own that cannot be: nothing of the request is kept, neither ours nor the library's."""
    return answer({"type": "about:blank", "title": "conflict", "status": 409, "code": "conflict"})


def answer(body: dict[str, Any]) -> Response:
    """A problem body that names the request."""
    response = jsonify(body | {"instance": f"urn:request:{g.request_id}"})
    response.status_code, response.content_type = body["status"], "application/problem+json"
    return response


def number() -> None:
    """Give every request an id, for the answer, for problems and for the log."""
    g.request_id = secrets.token_hex(8)


def show_number(response: Response) -> Response:
    """Tell the id."""
    response.headers["X-Request-ID"] = g.request_id
    return response


def create_app(
    engine: sa.Engine,
    *,
    keys: list[str],
    notifier: Notifier,
    staff_tokens: Mapping[str, Staff],
    cookie_key: str,
) -> Flask:
    """The application over a database."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY=cookie_key, SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")
    app.extensions["helpdesk"] = desk = Helpdesk(engine, keys=keys, notifier=notifier, staff=staff_tokens)
    desk.manager.upgrade()
    with engine.begin() as connection:
        create_tables(connection)
    app.before_request(number)
    app.after_request(show_number)
    app.teardown_appcontext(lambda _: desk.db.remove())
    app.register_error_handler(ClientMgmtError, refused)
    app.register_error_handler(IntegrityError, collided)
    app.register_blueprint(staff)
    app.register_blueprint(portal)
    return app


def open_engine(url: str) -> sa.Engine:
    """An engine; SQLite has to be told to check foreign keys."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    return engine


def from_environment() -> Flask:
    """The application as the environment wants it: secrets never stand in code."""
    env = os.environ
    return create_app(
        open_engine(env["DATABASE_URL"]),
        keys=env["CLIENTMGMT_KEYS"].split(),
        notifier=SmtpNotifier(env["SMTP_HOST"]),
        staff_tokens={env["ADMIN_TOKEN"]: Staff("admin", roles={"administrator"})},
        cookie_key=env["COOKIE_KEY"],
    )
