"""What one process does at the entrance while seven others do the same. Imported by processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from clientmgmt import ClientManager, ContactId, RateLimitedError, SignInRefusedError, Staff, Workspace
from clientmgmt.domain import Identity
from tests.races.workers import Deed, Place

__all__ = ["DEEDS", "NEW"]

NEW = "a quite different one"


def ada(manager: ClientManager, place: Place) -> Workspace:
    return manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))


def reset(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Use the link of a reset, with a password of one's own."""
    door = manager.entrance(place.tenant, origin="x")

    def deed(thing: tuple[str, str, str]) -> str:
        door.complete_reset(thing[0], password=f"{NEW} {hand}")
        return f"won {thing[1]}"

    return deed


def move(manager: ClientManager, _: int, place: Place) -> Deed:
    """Give the user of a contact another address."""
    ws = ada(manager, place)

    def deed(thing: tuple[str, str, str]) -> str:
        ws.contacts.update(ContactId(UUID(thing[1])), email=f"moved-{thing[2]}")
        return "moved"

    return deed


def confirm(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Use the link to an address that seven other users want to have as well."""
    door = manager.entrance(place.tenant, origin="x")

    def deed(thing: tuple[str, list[str]]) -> str:
        door.confirm_email(thing[1][hand])
        return f"won {thing[0]}"

    return deed


def identify(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Accept an invitation of one's own with an identity that seven others have as well."""
    door = manager.entrance(place.tenant, origin="x")

    def deed(thing: tuple[str, list[str]]) -> str:
        door.accept_invite(thing[1][hand], identity=Identity("https://login.example.com", thing[0]))
        return f"won {thing[0]}"

    return deed


def guess(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Try three passwords for one address."""

    def deed(email: str) -> str:
        door = manager.entrance(place.tenant, origin=f"{hand} {email}")
        read = 0
        for _ in range(3):
            try:
                door.sign_in(email, "wrong")
            except SignInRefusedError:
                read += 1
            except RateLimitedError:
                continue
        return f"{email} {read}"

    return deed


def ask(manager: ClientManager, hand: int, place: Place) -> Deed:
    """Ask for a reset of one address."""

    def deed(email: str) -> str:
        try:
            manager.entrance(place.tenant, origin=f"{hand} {email}").request_reset(email)
        except RateLimitedError:
            return f"{email} 0"
        return f"{email} 1"

    return deed


DEEDS: dict[str, Callable[[ClientManager, int, Place], Deed]] = {
    "doors.reset": reset,
    "doors.move": move,
    "doors.confirm": confirm,
    "doors.identify": identify,
    "doors.guess": guess,
    "doors.ask": ask,
}
