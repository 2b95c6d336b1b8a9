"""How an application tests its use of the library: time moves by hand, mail is kept, nothing is mocked."""

from datetime import timedelta

from clientmgmt import InvalidLinkError
from clientmgmt.testing import Sandbox


def test_an_invitation_dies_after_a_week() -> None:
    """Run by pytest, and at the end of this file."""
    with Sandbox() as sandbox:
        jane = sandbox.contact(email="jane@acme.example", state="invite_sent")
        sandbox.clock.advance(timedelta(days=7))
        reason = "it still works"
        try:
            sandbox.entrance().accept_invite(sandbox.mails.token("jane@acme.example"), password="correct horse battery")
        except InvalidLinkError as error:
            reason = error.reason
        assert reason == "expired"
        assert sandbox.workspace().contacts.get(jane.id).link.state == "expired"


if __name__ == "__main__":
    test_an_invitation_dies_after_a_week()
    print("passed")

# prints:
# passed
