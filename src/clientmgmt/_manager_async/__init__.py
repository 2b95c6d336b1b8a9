# Written by scripts/asyncify.py from _manager/__init__.py: change that one.
"""The facade: wiring, workspaces and entrances. Every method is one step to a use case."""

from clientmgmt._manager_async.access import AccessGroup
from clientmgmt._manager_async.audit import AuditGroup
from clientmgmt._manager_async.clients import ClientGroup
from clientmgmt._manager_async.contacts import ContactGroup
from clientmgmt._manager_async.entrance import AsyncEntrance
from clientmgmt._manager_async.feed import AsyncFeed
from clientmgmt._manager_async.manager import AsyncClientManager
from clientmgmt._manager_async.managers import ManagerGroup
from clientmgmt._manager_async.notifications import NotificationGroup
from clientmgmt._manager_async.paging import aiter_all
from clientmgmt._manager_async.sites import SiteGroup
from clientmgmt._manager_async.staff import StaffGroup
from clientmgmt._manager_async.workspace import AsyncWorkspace

__all__ = [
    "AccessGroup",
    "AsyncClientManager",
    "AsyncEntrance",
    "AsyncFeed",
    "AsyncWorkspace",
    "AuditGroup",
    "ClientGroup",
    "ContactGroup",
    "ManagerGroup",
    "NotificationGroup",
    "SiteGroup",
    "StaffGroup",
    "aiter_all",
]
