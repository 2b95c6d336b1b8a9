"""The status of a client. Source: people model, client status."""

from __future__ import annotations

from itertools import product

import pytest

from clientmgmt import ClientStatus, InvalidInputError
from clientmgmt.errors import IllegalTransitionError
from tests.box import Box

LEADS_TO = {
    "prospect": {"active", "closed"},
    "active": {"inactive", "paused", "closed"},
    "inactive": {"active", "paused", "closed"},
    "paused": {"active", "inactive", "closed"},
    "closed": {"active", "inactive"},
}
WAYS = {"prospect": [], "active": ["active"], "inactive": ["active", "inactive"], "paused": ["active", "paused"]}
WAYS["closed"] = ["closed"]


@pytest.mark.parametrize(("old", "new"), list(product(LEADS_TO, LEADS_TO)))
def test_every_step_of_the_table_and_no_other(memory_box: Box, old: str, new: str) -> None:
    acme = memory_box.client(status="prospect")
    for status in WAYS[old]:
        memory_box.ws.clients.set_status(acme.id, status)
    before = memory_box.dump()
    if old == new:
        assert not memory_box.ws.clients.set_status(acme.id, new).changed
        assert memory_box.dump() == before
    elif new in LEADS_TO[old]:
        assert memory_box.ws.clients.set_status(acme.id, new).changed
        assert memory_box.ws.clients.get(acme.id).status == new
    else:
        with pytest.raises(IllegalTransitionError) as refused:
            memory_box.ws.clients.set_status(acme.id, new)
        assert (refused.value.state, len(refused.value.legal)) == (old, len(LEADS_TO[old]))
        assert memory_box.dump() == before


def test_a_client_begins_active_or_as_a_prospect_if_asked_for(box: Box) -> None:
    assert box.client().status is ClientStatus.ACTIVE
    assert box.client("Bolt Ltd", status="prospect").status is ClientStatus.PROSPECT
    for status in ("inactive", "paused", "closed", "Active", ""):
        with pytest.raises(InvalidInputError):
            box.client("Cora", status=status)


def test_a_change_tells_old_new_and_since_when(box: Box) -> None:
    acme = box.client()
    at = box.later(days=1)
    change = box.ws.clients.set_status(acme.id, "paused", reason="unpaid")
    assert (change.old, change.new, change.changed, change.warnings) == ("active", "paused", True, ())
    assert (change.client.status_since, change.client.version) == (at, 2)
    assert box.ws.clients.get(acme.id) == change.client
    entry = box.audit()[-1]
    assert (entry.action, entry.old, entry.at) == ("client_status_changed", {"status": "active"}, at)
    assert entry.new == {"status": "paused", "reason": "unpaid", "suspends_downstream": "True"}


def test_writing_the_same_status_is_no_event(box: Box) -> None:
    acme = box.client()
    before = box.dump()
    change = box.ws.clients.set_status(acme.id, "active", reason="again")
    assert (change.changed, change.client) == (False, acme)
    assert box.dump() == before


def test_what_a_status_means_is_asked_for() -> None:
    assert [status for status in ClientStatus if not status.may_sign_in] == ["closed"]
    assert [status for status in ClientStatus if status.suspends_downstream] == ["prospect", "paused", "closed"]


def test_a_closed_client_is_no_lock(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    box.ws.clients.set_status(acme.id, "closed")
    assert box.contact(acme, "Bob").client_id == acme.id
    box.ws.contacts.remove(jane.id)
    assert [client.id for client in box.ws.clients.list(status="closed")] == [acme.id]


def test_a_status_that_is_none_is_refused_by_name(box: Box) -> None:
    acme = box.client()
    before = box.dump()
    for status in ("archived", "CLOSED", "", None, 1, True):
        with pytest.raises(InvalidInputError) as refused:
            box.ws.clients.set_status(acme.id, status)  # type: ignore[arg-type]
        assert set(refused.value.by_field()) == {"status"}
    assert box.dump() == before
