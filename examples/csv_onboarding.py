"""The people of a client come as a table: good rows become contacts, bad ones come back numbered."""

import csv
import io

from clientmgmt import ClientManager, Links, Settings, Staff
from clientmgmt.testing import RecordingNotifier

TABLE = """\
first_name,last_name,email,job_title,role
Jane,Doe,jane@acme.example,Buyer,client_admin
Sam,Lee,sam.acme.example,,
Ada,Obi,ada@acme.example,,boss
Tom,Ray,tom@acme.example,,
Jane,Doe,JANE@acme.example,,
"""

settings = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)

with ClientManager("memory:", settings=settings, notifier=RecordingNotifier()) as manager:
    ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
    acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")

    # First see whether all is well: nothing is written unless every row is good.
    tried = ws.contacts.add_many(acme.id, csv.DictReader(io.StringIO(TABLE)), on_error="abort")
    print(len(tried.ok), "contacts added")

    # Then take what is good. The key makes a form that is posted twice harmless.
    result = ws.contacts.add_many(acme.id, csv.DictReader(io.StringIO(TABLE)), idempotency_key="upload 17")
    again = ws.contacts.add_many(acme.id, csv.DictReader(io.StringIO(TABLE)), idempotency_key="upload 17")
    print(len(result.ok), "contacts added; the same answer again:", again == result)
    for row in result.failed:
        print(f"row {row.number}:", ", ".join(f"{found.field} {found.message}" for found in row.violations))

    # Nobody was invited so far.
    ws.contacts.send_invites(acme.id)
    print(manager.deliver().sent, "invitations sent")
    for contact in ws.contacts.list(acme.id):
        print(f"{contact.name}: {contact.state}")

# prints:
# 0 contacts added
# 2 contacts added; the same answer again: True
# row 2: email is not an e-mail address
# row 3: role must be one of client_basic, client_standard, client_billing, client_admin, author, contributor
# row 5: email belongs to a contact of this client already
# 2 invitations sent
# Jane Doe: invite_sent
# Tom Ray: invite_sent
