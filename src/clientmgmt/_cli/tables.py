"""What the story has left behind: people, mails, and the audit trail."""

from __future__ import annotations

from collections.abc import Mapping

from clientmgmt import Client, Contact, iter_all
from clientmgmt._cli.output import new_table, row_of
from clientmgmt._cli.story import Story
from clientmgmt._cli.teller import Teller, badge, day_and_time
from clientmgmt.domain import AuditEntry

__all__ = ["print_audit", "print_contacts", "print_mails"]


def print_contacts(teller: Teller, story: Story) -> None:
    """Who is in which state, as a list in a portal would show it."""
    workspace = story.workspace
    clients = {client.id: client for client in iter_all(workspace.clients.list)}
    table = new_table("Contact", "Client", "Badge", "Since", "Link", "Mail", "Last login", gap=1)
    for contact in iter_all(workspace.contacts.list):
        table.add_row(*row_of(*_contact_cells(contact, clients[contact.client_id])))
    teller.chapter("Everybody at the end")
    teller.table(table)


def _contact_cells(contact: Contact, client: Client) -> tuple[str, ...]:
    return (
        contact.name,
        client.name,
        badge(contact.state),
        day_and_time(contact.state_since),
        contact.link.state,
        contact.mail.state if contact.mail else "none",
        day_and_time(contact.last_login) or "never",
    )


def print_mails(teller: Teller, story: Story) -> None:
    """The mails as they went out, and one of them in full."""
    table = new_table("To", "Subject")
    for message in story.mails.messages:
        table.add_row(*row_of(f"{message.to.name} <{message.to.email}>", message.subject))
    teller.chapter("Mail that went out")
    teller.table(table)
    teller.chapter("The first of them")
    teller.quote(story.mails.messages[0].text)


def print_audit(teller: Teller, story: Story) -> None:
    """Who did what, when: the oldest first."""
    workspace = story.workspace
    entries = list(iter_all(workspace.audit.list))[::-1]
    names = _names(entries)
    names |= {str(user.id): user.name for user in workspace.staff.list()}
    table = new_table("When", "Who", "What", "About")
    for entry in entries:
        table.add_row(*row_of(day_and_time(entry.at), _actor(entry, names), *_action(entry, names)))
    teller.chapter("Audit trail")
    teller.table(table)


def _names(entries: list[AuditEntry]) -> dict[str, str]:
    """What the trail itself calls the things that its entries are about."""
    names: dict[str, str] = {}
    for entry in entries:
        if title := entry.new.get("title"):
            names[str(entry.subject)] = title
            names |= {entry.new["user_id"]: title} if "user_id" in entry.new else {}
    return names


def _actor(entry: AuditEntry, names: Mapping[str, str]) -> str:
    kind, _, who = entry.actor.partition(":")
    return f"{kind}:{names.get(who, who)}"


def _action(entry: AuditEntry, names: Mapping[str, str]) -> tuple[str, str]:
    about = names.get(str(entry.subject), entry.new.get("permission", ""))
    return entry.action.replace("_", " "), about
