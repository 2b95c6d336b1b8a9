"""Writers and dispatchers at once: each mail is sent, once, and in order. Source: the outbox, rules of delivery."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from clientmgmt import MailState, Staff, iter_all
from clientmgmt.domain import Delivery
from tests.box import dump
from tests.processes import context
from tests.races.conftest import Race
from tests.races.posting import Post, deliver, write
from tests.races.workers import HANDS, Place, manager_of, storage_at

SOME = (4, 2, 10, 5)
FULL = (8, 4, 20, 5)
"""Writers, dispatchers, contacts, rounds."""


def people(place: Place, number: int) -> list[str]:
    """Contacts that no mail has been written to yet."""
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    rows = [
        {"client": "Acme", "client_email": "ap@acme.example", "first_name": "P", "last_name": "X", "email": email}
        for email in (f"p{number}@acme.example" for number in range(number))
    ]
    ws.clients.import_rows(rows)
    return [str(contact.id) for contact in iter_all(ws.contacts.list, limit=1000)]


def run_apart(post: Post, size: tuple[int, int, int, int], fault: str | None = None) -> None:
    """All processes at once, until all have ended."""
    writers, dispatchers, contacts, rounds = size
    known = people(post.place, contacts)
    hands = [context().Process(target=write, args=(hand, post, known, rounds)) for hand in range(writers)]
    hands += [context().Process(target=deliver, args=(hand, post, fault)) for hand in range(dispatchers)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(400)
    codes = [hand.exitcode for hand in hands]
    for hand in hands:
        if hand.is_alive():
            hand.kill()
    assert codes == [0] * len(hands)


def written(post: Post) -> dict[str, list[str]]:
    """The mails about each contact, in the order in which they were committed."""
    lanes: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for contact, number, mail in post.lines("written-*"):
        lanes[contact].append((int(number), mail))
    return {contact: [mail for _, mail in sorted(mails)] for contact, mails in lanes.items()}


def sent(post: Post) -> list[str]:
    """All mails in the order in which they were sent, whoever sent them."""
    return [mail for _, mail in sorted((int(at), mail) for at, mail in post.lines("sent-*"))]


def wrongs(post: Post) -> dict[str, int]:
    """How many mails were lost, sent more than once, or sent before an older one about the same contact."""
    lanes, order = written(post), sent(post)
    times = Counter(order)
    first = {mail: at for at, mail in reversed(list(enumerate(order)))}
    found = {
        "lost": sum(times[mail] == 0 for mails in lanes.values() for mail in mails),
        "doubled": sum(count > 1 for count in times.values()),
        "overtaken": sum(
            first.get(later, len(order)) < first.get(earlier, -1)
            for mails in lanes.values()
            for earlier, later in pairwise(mails)
        ),
    }
    return {name: number for name, number in found.items() if number}


def check(post: Post, number: int) -> None:
    """Nothing was lost, doubled or overtaken, and all of it is on record."""
    assert wrongs(post) == {}
    assert len(sent(post)) == number
    stored = dump(storage_at(post.place.url, post.place.schema), post.place.tenant)
    assert stored["outbox"] == ()
    states = Counter(delivery.state for delivery in stored["deliveries"] if isinstance(delivery, Delivery))
    assert states == {MailState.DELIVERED: number}


def test_each_mail_is_sent_once_and_in_the_order_of_its_lane(run: Race, place: Place, tmp_path: Path) -> None:
    post = Post(place, tmp_path, HANDS // 2)
    known = people(place, 5)
    assert run(["write mail", "send mail"], place, [(post, known, 3)]) == {"wrote": HANDS // 2, "sent": HANDS // 2}
    check(post, HANDS // 2 * 5 * 3)


@pytest.mark.slow
def test_eight_hundred_mails_by_eight_writers_and_four_dispatchers(place: Place, tmp_path: Path) -> None:
    post = Post(place, tmp_path, FULL[0])
    run_apart(post, FULL)
    check(post, 800)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "seen"), [("cursor polling", "lost"), ("no lease", "doubled"), ("no lanes", "overtaken")]
)
def test_a_planted_fault_is_seen(place: Place, tmp_path: Path, fault: str, seen: str) -> None:
    post = Post(place, tmp_path, SOME[0], seconds=0.002)
    run_apart(post, SOME, fault)
    assert wrongs(post).get(seen, 0) > 0
