"""The same with ``await``: many tasks at once, over SQLite in threads of its own."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from clientmgmt import AsyncClientManager, Links, Settings, Staff, aiter_all, generate_key
from clientmgmt.testing import RecordingNotifier

settings = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)


async def main(path: Path) -> None:
    """From new clients to a contact that signs in."""
    mails = RecordingNotifier()
    storage, keys = f"sqlite:///{path}", [generate_key()]
    async with AsyncClientManager(storage, secret_keys=keys, settings=settings, notifier=mails) as manager:
        ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
        names = ("Acme Retail", "Bolt Ltd", "Cora Salon")
        added = (ws.clients.add(name=name, email=f"{name[:4].lower()}@client.example") for name in names)
        acme, *_ = await asyncio.gather(*added)
        print(*[client.name async for client in aiter_all(ws.clients.list, status="active")], sep=", ")

        async with ws.transaction() as tx:
            jane = await tx.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
            await tx.contacts.send_invite(jane.id)
        await manager.deliver()

        entrance = manager.entrance("northwind", origin="203.0.113.7")
        await entrance.accept_invite(mails.token("jane@acme.example"), password="correct horse battery")
        print((await ws.contacts.get(jane.id)).state)


with TemporaryDirectory() as folder:
    asyncio.run(main(Path(folder, "clients.db")))

# prints:
# Acme Retail, Bolt Ltd, Cora Salon
# active
