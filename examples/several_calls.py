"""Several calls as one: everything is kept when the block ends, or nothing."""

from clientmgmt import ClientManager, RefusedError, Staff

with ClientManager("memory:") as manager:
    ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))

    with ws.transaction() as tx:
        acme = tx.clients.add(name="Acme Retail", email="ap@acme.example")
        tx.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
        try:
            tx.contacts.add(acme.id, first_name="J.", last_name="Doe", email="jane@acme.example")
        except RefusedError as refusal:  # what it did is undone, the rest goes on
            print(refusal)
        tx.contacts.add(acme.id, first_name="Tom", last_name="Ray", email="tom@acme.example")
    print(*[contact.name for contact in ws.contacts.list(acme.id)], sep=", ")

    try:
        with ws.transaction() as tx:
            tx.clients.add(name="Bolt Ltd", email="office@bolt.example")
            tx.clients.add(name="", email="nowhere")
    except RefusedError as refusal:  # it left the block, so Bolt is undone too
        print(refusal)
    print(*[client.name for client in ws.clients.list()], sep=", ")

# prints:
# email belongs to a contact of this client already
# Jane Doe, Tom Ray
# name must not be empty; email is not an e-mail address
# Acme Retail
