"""How an application tests its use of the library: time moves by hand, mail is kept, nothing is mocked."""

from datetime import timedelta

from clientmgmt import ClientManager, InvalidLinkError, Links, Settings, System
from clientmgmt.testing import ManualClock, RecordingNotifier

SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)


def test_an_invitation_dies_after_a_week() -> None:
    """Run by pytest, and at the end of this file."""
    clock, mails = ManualClock(), RecordingNotifier()
    manager = ClientManager("memory:", settings=SETTINGS, notifier=mails, clock=clock)
    ws = manager.workspace("test", actor=System("test"))
    acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
    jane = ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True)
    manager.deliver()
    clock.advance(timedelta(days=7))
    door = manager.entrance("test", origin="test")
    reason = "it still works"
    try:
        door.accept_invite(mails.token("jane@acme.example"), password="correct horse battery")
    except InvalidLinkError as error:
        reason = error.reason
    assert reason == "expired"
    assert ws.contacts.get(jane.id).link.state == "expired"


if __name__ == "__main__":
    test_an_invitation_dies_after_a_week()
    print("passed")

# prints:
# passed
