"""From a new client to a contact that signs in, without a server or a database."""

from clientmgmt import ClientManager, Links, Settings, Staff
from clientmgmt.testing import RecordingNotifier

mails = RecordingNotifier()  # keeps mails; an application sends them with SmtpNotifier
settings = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)

with ClientManager("memory:", settings=settings, notifier=mails) as manager:
    # What the tenant's staff does.
    ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
    acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
    jane = ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
    print(f"{jane.name} is {jane.state}.")
    ws.contacts.send_invite(jane.id)

    # What a worker does: mail goes out after the commit.
    manager.deliver()
    print(f"Mail to {mails.messages[0].to.email}: {mails.messages[0].subject}")

    # What the page behind the link in that mail does.
    entrance = manager.entrance("northwind", origin="203.0.113.7")
    entrance.accept_invite(mails.token("jane@acme.example"), password="correct horse battery")
    print(f"{jane.name} is {ws.contacts.get(jane.id).state}.")

    # Everything is on record.
    for entry in reversed(ws.audit.list().items):
        print(f"- {entry.action}")
