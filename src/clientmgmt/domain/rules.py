"""Every number of the package in one frozen value that a host can replace, per tenant if it wants."""

from __future__ import annotations

from datetime import timedelta

import attrs

from clientmgmt.domain.value import Value

__all__ = ["BulkRules", "DeliveryRules", "InviteRules", "PasswordRules", "Rules"]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class InviteRules(Value):
    """``valid``: how long a link works after its send. ``pause``: the least time between two sends to one contact.

    ``per_day``: the most sends to one contact within any 24 hours.
    """

    valid: timedelta = timedelta(days=7)
    pause: timedelta = timedelta(seconds=60)
    per_day: int = 10


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PasswordRules(Value):
    """Length in characters, both ends included. ``refuse_common``: the ten thousand commonest are refused."""

    shortest: int = 12
    longest: int = 1024
    refuse_common: bool = True


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DeliveryRules(Value):
    """How mail is tried again.

    ``attempts``: how often at most. ``back_off``: the wait after the first failure, doubled after each further
    one up to ``longest_wait``. ``lease``: for how long a worker has a message to itself.
    """

    attempts: int = 8
    back_off: timedelta = timedelta(minutes=1)
    longest_wait: timedelta = timedelta(hours=6)
    lease: timedelta = timedelta(minutes=5)

    def wait(self, attempts: int) -> timedelta:
        """How long to wait after this many failed attempts.

        >>> DeliveryRules().wait(3)
        datetime.timedelta(seconds=240)
        """
        doublings = min(attempts - 1, 30)
        return min(self.back_off * (1 << doublings), self.longest_wait)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class BulkRules(Value):
    """``rows``: how many rows of a bulk command are written together, in one unit of work."""

    rows: int = 1000


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Rules(Value):
    """All rules. Change one with ``attrs.evolve``; a tightened rule binds new writes only.

    >>> Rules(invites=InviteRules(valid=timedelta(days=2))).invites.valid.days
    2
    """

    invites: InviteRules = InviteRules()
    passwords: PasswordRules = PasswordRules()
    delivery: DeliveryRules = DeliveryRules()
    bulk: BulkRules = BulkRules()
