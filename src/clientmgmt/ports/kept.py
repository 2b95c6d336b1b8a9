"""What the package stores about its own work: the audit trail, answers that were given, tries, and the feed."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.feed import FeedEntry, FeedHead, FeedReader, NewEvent
from clientmgmt.domain.idempotency import KeptAnswer
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.links import QueuedReset
from clientmgmt.domain.throttling import Attempts
from clientmgmt.ports.storage import Collection, Field, Indexes, Keys, Ordered, fields_of

__all__ = ["ATTEMPTS", "AUDIT", "FEED", "FEED_HEADS", "FEED_READERS", "KEPT_ANSWERS", "NEW_EVENTS", "QUEUED_RESETS"]

_answer = fields_of(KeptAnswer)
_attempts = fields_of(Attempts)
_audit = fields_of(AuditEntry)
_new_event = fields_of(NewEvent)
_entry = fields_of(FeedEntry)
_reader = fields_of(FeedReader)


class Audit(Collection[AuditEntry]):
    """The audit trail; entries are added, never changed."""

    name = "audit"
    entity = AuditEntry
    id: Field[AuditEntry, UUID] = _audit(lambda entry: entry.id)
    client_id: Field[AuditEntry, ClientId | None] = _audit(lambda entry: entry.client_id)
    actor: Field[AuditEntry, str] = _audit(lambda entry: entry.actor)
    action: Field[AuditEntry, str] = _audit(lambda entry: entry.action)
    subject: Field[AuditEntry, UUID | None] = _audit(lambda entry: entry.subject)
    at: Ordered[AuditEntry, datetime] = _audit.ordered(lambda entry: entry.at)
    indexes: ClassVar[Indexes] = ((at,), (client_id, at), (actor, at), (action, at))


AUDIT = Audit()


class KeptAnswers(Collection[KeptAnswer]):
    """Idempotency keys with the answers of their commands."""

    name = "idempotency_keys"
    entity = KeptAnswer
    key: Field[KeptAnswer, str] = _answer(lambda answer: answer.key)
    at: Ordered[KeptAnswer, datetime] = _answer.ordered(lambda answer: answer.at)
    unique: ClassVar[Keys] = {"idempotency_key": (key,)}
    indexes: ClassVar[Indexes] = ((at,),)


KEPT_ANSWERS = KeptAnswers()


class StoredAttempts(Collection[Attempts]):
    """What strangers have tried of late, by address and by origin."""

    name = "attempts"
    entity = Attempts
    over_at: Ordered[Attempts, datetime] = _attempts.ordered(lambda attempts: attempts.over_at)
    indexes: ClassVar[Indexes] = ((over_at,),)


ATTEMPTS = StoredAttempts()


class QueuedResets(Collection[QueuedReset]):
    """Resets that strangers have asked for and nobody has looked at yet."""

    name = "queued_resets"
    entity = QueuedReset
    queue: ClassVar[bool] = True


QUEUED_RESETS = QueuedResets()


class NewEvents(Collection[NewEvent]):
    """Events that wait for their number in the feed, and nothing else."""

    name = "new_events"
    entity = NewEvent
    lane: Field[NewEvent, str] = _new_event(lambda event: event.lane)
    queue: ClassVar[bool] = True


NEW_EVENTS = NewEvents()


class Feed(Collection[FeedEntry]):
    """The events of the feed by their number."""

    name = "feed"
    entity = FeedEntry
    position: Ordered[FeedEntry, int] = _entry.ordered(lambda entry: entry.position)
    event: Field[FeedEntry, str] = _entry(lambda entry: entry.name)
    at: Ordered[FeedEntry, datetime] = _entry.ordered(lambda entry: entry.at)
    unique: ClassVar[Keys] = {"feed_position": (position,)}
    indexes: ClassVar[Indexes] = ((at,),)


FEED = Feed()


class FeedHeads(Collection[FeedHead]):
    """The last number that was given, one per tenant."""

    name = "feed_heads"
    entity = FeedHead


FEED_HEADS = FeedHeads()


class FeedReaders(Collection[FeedReader]):
    """How far each reader of the feed is."""

    name = "feed_readers"
    entity = FeedReader
    reader: Field[FeedReader, str] = _reader(lambda reader: reader.name)
    unique: ClassVar[Keys] = {"feed_reader": (reader,)}


FEED_READERS = FeedReaders()
