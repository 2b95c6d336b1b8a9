"""The facade: wiring, workspaces and entrances. Every method is one step to a use case."""

from clientmgmt._manager.access import AccessGroup
from clientmgmt._manager.audit import AuditGroup
from clientmgmt._manager.clients import ClientGroup
from clientmgmt._manager.contacts import ContactGroup
from clientmgmt._manager.entrance import Entrance
from clientmgmt._manager.feed import Feed
from clientmgmt._manager.manager import ClientManager
from clientmgmt._manager.managers import ManagerGroup
from clientmgmt._manager.notifications import NotificationGroup
from clientmgmt._manager.paging import iter_all
from clientmgmt._manager.sites import SiteGroup
from clientmgmt._manager.staff import StaffGroup
from clientmgmt._manager.workspace import Workspace

__all__ = [
    "AccessGroup",
    "AuditGroup",
    "ClientGroup",
    "ClientManager",
    "ContactGroup",
    "Entrance",
    "Feed",
    "ManagerGroup",
    "NotificationGroup",
    "SiteGroup",
    "StaffGroup",
    "Workspace",
    "iter_all",
]
