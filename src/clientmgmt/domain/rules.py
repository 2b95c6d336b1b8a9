"""Every number of the package in one frozen value that a host can replace, per tenant if it wants."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

import attrs

from clientmgmt.domain.value import Value
from clientmgmt.errors import ConfigurationError

__all__ = [
    "BulkRules",
    "DeliveryRules",
    "InviteRules",
    "PasswordRules",
    "ResetMode",
    "ResetRules",
    "RetentionRules",
    "Rules",
    "SessionRules",
    "ThrottleRules",
]


_MOST_ROWS = 10_000
LONGEST_PASSWORD = 4096
"""No rule allows longer ones, in characters: hashing them takes time."""

_MOMENT = timedelta(microseconds=1)


def _at_least(least: int | timedelta, **numbers: int | timedelta) -> None:
    for name, number in numbers.items():
        if type(number) is not type(least) or number < least:  # type: ignore[operator] # of one type by then
            message = f"{name} must be {least} or more"
            raise ConfigurationError(message)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class InviteRules(Value):
    """``valid``: how long a link works after its send. ``pause``: the least time between two sends to one contact.

    ``per_day``: the most sends to one contact within any 24 hours.
    """

    valid: timedelta = timedelta(days=7)
    pause: timedelta = timedelta(seconds=60)
    per_day: int = 10

    def __attrs_post_init__(self) -> None:
        _at_least(_MOMENT, valid=self.valid)
        _at_least(timedelta(0), pause=self.pause)
        _at_least(1, per_day=self.per_day)


class ResetMode(StrEnum):
    """What follows when the link of a reset is used: the user chooses a password, or is mailed a generated one."""

    CHOOSE = "choose"
    GENERATE_AND_MAIL = "generate_and_mail"


def _reset_mode(mode: str) -> ResetMode:
    try:
        return ResetMode(mode)
    except ValueError:
        message = f"mode must be one of {', '.join(ResetMode)}"
        raise ConfigurationError(message) from None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ResetRules(Value):
    """``valid``: how long a link to reset a password, or to confirm an address, works. ``mode``: what it leads to.

    A generated password is good for one sign-in within ``valid`` as well.
    """

    valid: timedelta = timedelta(hours=2)
    mode: ResetMode = attrs.field(default=ResetMode.CHOOSE, converter=_reset_mode)

    def __attrs_post_init__(self) -> None:
        _at_least(_MOMENT, valid=self.valid)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ThrottleRules(Value):
    """How often strangers may try.

    ``resets``: requests for one address, ``resets_per_origin``: from one origin, within ``resets_within``. No user is
    sent more than ``resets`` links by staff, or to addresses that it wants to have, within that time either.
    ``failures``: passwords that were wrong for one address, ``failures_per_origin``: from one origin, within
    ``failures_within``; after that nothing is read any more until the first of them are long enough ago.
    """

    resets: int = 3
    resets_per_origin: int = 20
    resets_within: timedelta = timedelta(hours=1)
    failures: int = 10
    failures_per_origin: int = 100
    failures_within: timedelta = timedelta(minutes=15)

    def __attrs_post_init__(self) -> None:
        _at_least(1, resets=self.resets, resets_per_origin=self.resets_per_origin)
        _at_least(1, failures=self.failures, failures_per_origin=self.failures_per_origin)
        _at_least(_MOMENT, resets_within=self.resets_within, failures_within=self.failures_within)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SessionRules(Value):
    """``valid``: how long a session lasts after its sign-in."""

    valid: timedelta = timedelta(hours=12)

    def __attrs_post_init__(self) -> None:
        _at_least(_MOMENT, valid=self.valid)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PasswordRules(Value):
    """Length in characters, both ends included. ``refuse_common``: the ten thousand commonest are refused."""

    shortest: int = 12
    longest: int = 1024
    refuse_common: bool = True

    def __attrs_post_init__(self) -> None:
        _at_least(1, shortest=self.shortest)
        _at_least(self.shortest, longest=self.longest)
        if self.longest > LONGEST_PASSWORD:
            message = f"longest must be {LONGEST_PASSWORD} or less"
            raise ConfigurationError(message)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DeliveryRules(Value):
    """How mail is tried again.

    ``attempts``: how often at most. ``back_off``: the wait after the first failure, doubled after each further
    one up to ``longest_wait``. ``longest_asked``: the longest wait that the other side may ask for. ``lease``: for
    how long a worker has a message to itself. ``pause``: for how long nothing is sent after the account was refused,
    doubled after each further refusal up to ``longest_pause``. ``together``: how many messages are sent before what
    became of them is written down; a crash repeats that many at most, with the same ids.
    """

    attempts: int = 8
    back_off: timedelta = timedelta(minutes=1)
    longest_wait: timedelta = timedelta(hours=6)
    longest_asked: timedelta = timedelta(days=1)
    lease: timedelta = timedelta(minutes=5)
    pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=1)
    together: int = 1

    def __attrs_post_init__(self) -> None:
        _at_least(1, attempts=self.attempts, together=self.together)
        _at_least(_MOMENT, back_off=self.back_off, longest_wait=self.longest_wait, lease=self.lease)
        _at_least(_MOMENT, longest_asked=self.longest_asked, pause=self.pause, longest_pause=self.longest_pause)

    @property
    def longest(self) -> timedelta:
        """How far ahead a mail can be put off; what is due later than that was put off by a clock that was wrong."""
        return max(self.longest_wait, self.longest_asked, self.lease)

    def wait(self, attempts: int) -> timedelta:
        """How long to wait after this many failed attempts.

        >>> DeliveryRules().wait(3)
        datetime.timedelta(seconds=240)
        """
        return _doubled(self.back_off, attempts, self.longest_wait)

    def asked(self, wanted: timedelta | None) -> timedelta:
        """How long to wait because the other side asks for it.

        >>> DeliveryRules().asked(timedelta(days=9))
        datetime.timedelta(days=1)
        """
        return min(wanted or timedelta(0), self.longest_asked)

    def pause_after(self, refusals: int) -> timedelta:
        """How long nothing is sent after this many refusals of the account in a row.

        >>> DeliveryRules().pause_after(2)
        datetime.timedelta(seconds=120)
        """
        return _doubled(self.pause, refusals, self.longest_pause)


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    return min(first * (1 << min(times - 1, 30)), longest)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class BulkRules(Value):
    """``rows``: how many rows of a bulk command are written together, in one unit of work; at most 10 000.

    Databases take only so many values in one question.
    """

    rows: int = 1000

    def __attrs_post_init__(self) -> None:
        _at_least(1, rows=self.rows)
        if self.rows > _MOST_ROWS:
            message = f"rows must be {_MOST_ROWS} or less"
            raise ConfigurationError(message)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RetentionRules(Value):
    """For how long :meth:`~clientmgmt.ClientManager.upkeep` leaves what is over. The audit trail is never pruned.

    ``idempotency_keys``: a key is free again after that, whether it was pruned or not. ``links``: those that
    are used, revoked or expired, from their end. ``deliveries``: what became of mail. ``logins``: sign-ins.
    ``feed``: events, also for a reader who has not read them; with zero none are kept, and there is no feed.
    """

    idempotency_keys: timedelta = timedelta(days=30)
    links: timedelta = timedelta(days=90)
    deliveries: timedelta = timedelta(days=365)
    logins: timedelta = timedelta(days=365)
    feed: timedelta = timedelta(days=30)

    def __attrs_post_init__(self) -> None:
        _at_least(_MOMENT, idempotency_keys=self.idempotency_keys, links=self.links)
        _at_least(_MOMENT, deliveries=self.deliveries, logins=self.logins)
        _at_least(timedelta(0), feed=self.feed)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Rules(Value):
    """All rules. Change one with ``attrs.evolve``; a tightened rule binds new writes only.

    Numbers that make no sense are refused when a rule is made (:class:`~clientmgmt.errors.ConfigurationError`).

    >>> Rules(invites=InviteRules(valid=timedelta(days=2))).invites.valid.days
    2
    """

    invites: InviteRules = InviteRules()
    resets: ResetRules = ResetRules()
    throttle: ThrottleRules = ThrottleRules()
    passwords: PasswordRules = PasswordRules()
    sessions: SessionRules = SessionRules()
    delivery: DeliveryRules = DeliveryRules()
    bulk: BulkRules = BulkRules()
    retention: RetentionRules = RetentionRules()
