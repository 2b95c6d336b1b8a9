"""What strangers may learn from how long something takes: nothing, if it takes as long whoever has an address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, cycle

from benchmarks.commands import PASSWORD, Stage
from benchmarks.harness import Result, compare
from clientmgmt import Entrance, SignInRefusedError

GOAL = 1.15
KNOWN = 100

Deed = Callable[[Entrance, str], None]


def request(door: Entrance, email: str) -> None:
    """Ask for a reset."""
    door.request_reset(email)


def guess(door: Entrance, email: str) -> None:
    """Try a wrong password."""
    with suppress(SignInRefusedError):
        door.sign_in(email, "wrong")


def measure(stage: Stage) -> Iterator[Result]:
    """Each deed for addresses of users who have come in, and for addresses that nobody has."""
    known = [stage.contact() for _ in range(KNOWN)]
    stage.ws.contacts.send_invites(stage.ours, [contact.id for contact in known])
    stage.manager.deliver(limit=10_000)
    for contact in known:
        stage.door.accept_invite(stage.mails.token(contact.email.address), password=PASSWORD)
    for name, deed in (("reset asked for", request), ("sign-in refused", guess)):
        ours = _with(stage, deed, cycle([contact.email.address for contact in known]))
        theirs = _with(stage, deed, cycle([f"nobody{number}@client.example" for number in range(KNOWN)]))
        label = f"{name}, a known address, {stage.engine.dialect.name}"
        yield compare(label, ours, theirs, baseline="the same for an unknown one", goal=GOAL, by="wall", rounds=25)


def _with(stage: Stage, deed: Deed, emails: Iterator[str]) -> Callable[[], None]:
    """The deed for one address after the other, each time from another origin."""
    numbers = count()

    def step() -> None:
        deed(stage.manager.entrance(stage.ws.tenant, origin=f"origin {next(numbers)}"), next(emails))

    return step
