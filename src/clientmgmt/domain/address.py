"""Postal addresses."""

from __future__ import annotations

import re

import attrs

from clientmgmt.domain.form import Form
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = ["Address", "read_address"]

_COUNTRY = re.compile(r"[A-Z]{2}")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Address(Value):
    """A postal address. ``country`` is the two-letter code of ISO 3166-1.

    >>> Address(street="1 Main Street", city="Chicago", region="IL", postal_code="60601", country="US").city
    'Chicago'
    """

    street: str
    city: str
    country: str
    street2: str | None = None
    region: str | None = None
    postal_code: str | None = None


def read_address(form: Form, field: str, value: object) -> Address:
    """The address as it is stored; what is wrong with it is noted in ``form``."""
    if not isinstance(value, Address):
        code, message = ("required", "must not be empty") if value is None else ("not_an_address", "must be an Address")
        form.note([Violation(code, message, field)])
        return Address(street="", city="", country="")
    country = form.text(f"{field}.country", value.country, limit=2)
    if country and not _COUNTRY.fullmatch(country):
        form.note([Violation("invalid_country", "must be a two-letter code such as US", f"{field}.country")])
    return Address(
        street=form.text(f"{field}.street", value.street),
        city=form.text(f"{field}.city", value.city, limit=100),
        country=country,
        street2=form.optional(f"{field}.street2", value.street2),
        region=form.optional(f"{field}.region", value.region, limit=100),
        postal_code=form.optional(f"{field}.postal_code", value.postal_code, limit=20),
    )
