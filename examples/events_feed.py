"""Keep another system up to date: each event is handled at least once, in the order of the commits."""

from clientmgmt import ClientManager, Staff
from clientmgmt.domain import ClientAdded, ClientStatusChanged, ContactAdded, Event

billing: dict[str, str] = {}
done: set[object] = set()


def copy_to_billing(event: Event) -> None:
    """What the other system has to know. An event that comes again has the same id."""
    if event.id in done:
        return
    match event:
        case ClientAdded(title=name):
            billing[name] = "active"
        case ClientStatusChanged(client_id=key, new=status) if key is not None:
            billing[ws.clients.get(key).name] = str(status)
        case ContactAdded(title=name, email=email):
            billing[name] = email
        case _:
            pass
    done.add(event.id)


def break_down(_: Event) -> None:
    """The other system cannot be reached."""
    message = "billing is down"
    raise ConnectionError(message)


with ClientManager("memory:") as manager:
    ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
    feed = manager.feed("billing", types={ClientAdded, ClientStatusChanged, ContactAdded})
    acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
    ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")

    try:
        feed.run(break_down)
    except ConnectionError as error:  # nothing was confirmed, so nothing is lost
        print(error)
    print(feed.run(copy_to_billing), "events handled")

    ws.clients.set_status(acme.id, "paused")
    print(feed.run(copy_to_billing), "events handled")
    for name, known in billing.items():
        print(f"{name}: {known}")

# prints:
# billing is down
# 2 events handled
# 1 events handled
# Acme Retail: paused
# Jane Doe: jane@acme.example
