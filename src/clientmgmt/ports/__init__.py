"""What the package needs from outside, as protocols whose prose is the contract."""

from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.fields import Among
from clientmgmt.ports.links import LinkClaims, LinkSigner
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.passwords import PasswordHasher
from clientmgmt.ports.selecting import lookups_of, referrers_of, resolve, select_rows
from clientmgmt.ports.sessions import Sessions
from clientmgmt.ports.storage import (
    AsyncStorage,
    AsyncUnit,
    Collection,
    Condition,
    Entity,
    Field,
    Fields,
    Indexes,
    Join,
    Keys,
    Operator,
    Order,
    Ordered,
    QueueEntity,
    References,
    ReferenceViolation,
    Source,
    StaleVersion,
    Storage,
    UniqueViolation,
    UnitOfWork,
    VersionedEntity,
    any_of,
    fields_of,
)
from clientmgmt.ports.system import Clock, IdSource
from clientmgmt.ports.throttle import Quota, Throttle

__all__ = [
    "COLLECTIONS",
    "Among",
    "AsyncStorage",
    "AsyncUnit",
    "Clock",
    "Collection",
    "Condition",
    "Entity",
    "Field",
    "Fields",
    "IdSource",
    "Indexes",
    "Join",
    "Keys",
    "LinkClaims",
    "LinkSigner",
    "Notifier",
    "Operator",
    "Order",
    "Ordered",
    "PasswordHasher",
    "QueueEntity",
    "Quota",
    "ReferenceViolation",
    "References",
    "Sessions",
    "Source",
    "StaleVersion",
    "Storage",
    "Throttle",
    "UniqueViolation",
    "UnitOfWork",
    "VersionedEntity",
    "any_of",
    "fields_of",
    "lookups_of",
    "referrers_of",
    "resolve",
    "select_rows",
]
