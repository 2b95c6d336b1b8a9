"""The tree of errors: codes, statuses, what the public is told, and the way through a pickle."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta

import pytest

from clientmgmt import errors, problem
from clientmgmt.errors import (
    AccountDeliveryError,
    AlreadyActiveError,
    ClientClosedError,
    ClientMgmtError,
    CommitUnknownError,
    ConfigurationError,
    ConflictError,
    ConnectionLostError,
    DuplicateContactError,
    DuplicateIdentityError,
    EmailInUseError,
    EscalationError,
    ForbiddenError,
    IllegalTransitionError,
    InvalidInputError,
    InvalidLinkError,
    LastOwnerError,
    LimitError,
    MissingExtraError,
    NotEligibleError,
    NotFoundError,
    PasswordChangeRequiredError,
    PermanentDeliveryError,
    RateLimitedError,
    RefusedError,
    SchemaError,
    SharedProfileError,
    SignInRefusedError,
    SiteHasHistoryError,
    StaffCannotBeClientUserError,
    StaleVersionError,
    StateError,
    StorageError,
    TemporaryDeliveryError,
    TransactionConflictError,
    TransactionError,
    UnknownNameError,
    Violation,
    refusal,
    refuse,
)
from clientmgmt.ports import ReferenceViolation, StaleVersion, UniqueViolation

SECRET = "acme-4711"
WRONG = Violation("too_long", "must not be longer than 5 characters", "name", {"limit": 5, "count": 9})
FULL = Violation("limit", "was sent 10 invitations within a day", "contact", {"limit": 10, "count": 10})
SAMPLES: list[ClientMgmtError] = [
    InvalidInputError([WRONG]),
    UnknownNameError([Violation("unknown_name", "must be one of a, b", "role")]),
    NotEligibleError([Violation("not_eligible", "must be active staff", "user_id")]),
    RefusedError([WRONG, FULL]),
    ConflictError([Violation("conflict", f"collides with {SECRET}", "email")]),
    DuplicateContactError([Violation("duplicate_contact", f"belongs to {SECRET}", "email")]),
    EmailInUseError([Violation("email_in_use", f"belongs to {SECRET}", "email")]),
    StaffCannotBeClientUserError([Violation("staff_cannot_be_client_user", f"belongs to {SECRET}", "email")]),
    StaleVersionError(),
    LimitError([FULL]),
    IllegalTransitionError("client", "prospect", "pause", ("activate", "close")),
    AlreadyActiveError([Violation("already_active", "has signed in", "contact")]),
    ClientClosedError([Violation("client_closed", "is closed", "client")]),
    NotFoundError("client"),
    ForbiddenError("clients.status"),
    EscalationError("users.manage"),
    LastOwnerError("users.manage"),
    SharedProfileError("users.manage"),
    SiteHasHistoryError([Violation("site_has_history", "has emergency contacts", "site")]),
    SignInRefusedError(),
    PasswordChangeRequiredError(),
    RateLimitedError(timedelta(seconds=7)),
    DuplicateIdentityError([Violation("duplicate_identity", f"belongs to {SECRET}", "identity")]),
    InvalidLinkError("superseded"),
    StorageError("the database is gone"),
    TransactionConflictError("lost"),
    ConnectionLostError(),
    ConnectionLostError("the database crashed"),
    CommitUnknownError(),
    UniqueViolation("users", "user_email"),
    ReferenceViolation(),
    StaleVersion("users"),
    SchemaError("call upgrade()"),
    TemporaryDeliveryError("busy", retry_after=timedelta(minutes=5)),
    AccountDeliveryError("the password is wrong"),
    PermanentDeliveryError("no such mailbox"),
    TransactionError("used twice"),
    ConfigurationError("no sender"),
    MissingExtraError("postgres"),
]
each_sample = pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)

STATUS = {
    "ClientMgmtError": 500,
    "RefusedError": 422,
    "InvalidInputError": 422,
    "UnknownNameError": 422,
    "NotEligibleError": 422,
    "ConflictError": 409,
    "DuplicateContactError": 409,
    "DuplicateReferenceError": 409,
    "DuplicateIdentityError": 409,
    "PasswordChangeRequiredError": 401,
    "RateLimitedError": 429,
    "IdempotencyConflictError": 409,
    "CommitUnknownError": 503,
    "ConnectionLostError": 503,
    "EmailInUseError": 409,
    "StaffCannotBeClientUserError": 409,
    "StaleVersionError": 409,
    "LimitError": 409,
    "StateError": 409,
    "IllegalTransitionError": 409,
    "AlreadyActiveError": 409,
    "UserInactiveError": 409,
    "ClientClosedError": 409,
    "NotFoundError": 404,
    "ForbiddenError": 403,
    "EscalationError": 403,
    "LastOwnerError": 403,
    "SharedProfileError": 403,
    "BlockedError": 409,
    "SiteHasHistoryError": 409,
    "SignInRefusedError": 401,
    "InvalidLinkError": 410,
    "StorageError": 503,
    "TransactionConflictError": 503,
    "SchemaError": 503,
    "DeliveryError": 503,
    "TemporaryDeliveryError": 503,
    "AccountDeliveryError": 503,
    "PermanentDeliveryError": 503,
    "UsageError": 500,
    "TransactionError": 500,
    "ConfigurationError": 500,
    "MissingExtraError": 500,
}


def test_every_error_has_its_status_and_a_code_of_its_own() -> None:
    kinds = {name: getattr(errors, name) for name in errors.__all__ if name.endswith("Error")}
    assert {name: kind.http_status for name, kind in kinds.items()} == STATUS
    codes = [kind.code for kind in kinds.values()]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and code.isidentifier() and not code.endswith("_error") for code in codes)
    assert kinds["StaffCannotBeClientUserError"].code == "staff_cannot_be_client_user"
    assert all(issubclass(kind, ClientMgmtError) for kind in kinds.values())


@each_sample
def test_every_error_survives_a_pickle(error: ClientMgmtError) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.violations == error.violations
        assert vars(again) == vars(error)


@each_sample
def test_the_public_is_told_less_than_staff(error: ClientMgmtError) -> None:
    public, staff = problem(error), problem(error, detailed=True)
    json.dumps([public, staff])
    assert public["status"] == staff["status"] == error.http_status
    assert staff["code"] == error.code
    assert staff["detail"] == str(error)
    assert SECRET not in str(public)
    assert "detail" not in public
    assert "reason" not in public


def test_what_the_public_reads() -> None:
    assert problem(InvalidInputError([WRONG])) == {
        "type": "about:blank",
        "title": "invalid input",
        "status": 422,
        "code": "invalid_input",
        "errors": [{"code": "too_long", "message": WRONG.message, "field": "name", "data": {"limit": 5, "count": 9}}],
    }
    assert problem(LimitError([FULL]))["errors"][0]["data"] == {"limit": 10, "count": 10}
    codes = {type(error): problem(error)["code"] for error in SAMPLES}
    assert {codes[kind] for kind in (DuplicateContactError, EmailInUseError, StaffCannotBeClientUserError)} == {
        "conflict"
    }
    assert codes[ClientClosedError] == codes[AlreadyActiveError] == codes[IllegalTransitionError] == "state"
    assert problem(InvalidLinkError("expired")) == problem(InvalidLinkError("unknown"))
    assert problem(InvalidLinkError("expired"), detailed=True)["reason"] == "expired"
    assert problem(UniqueViolation("users", "user_email"))["code"] == "storage"


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["required"], InvalidInputError),
        (["required", "too_long"], InvalidInputError),
        (["unknown_name"], UnknownNameError),
        (["unknown_name", "unknown_name"], UnknownNameError),
        (["unknown_name", "required"], InvalidInputError),
        (["duplicate_contact"], DuplicateContactError),
        (["duplicate_contact", "email_in_use"], ConflictError),
        (["duplicate_reference", "email_in_use"], ConflictError),
        (["client_closed"], ClientClosedError),
        (["client_closed", "user_inactive"], StateError),
        (["limit"], LimitError),
        (["limit", "limit"], LimitError),
        (["limit", "client_closed"], RefusedError),
        (["required", "duplicate_contact"], RefusedError),
        (["stale_version"], StaleVersionError),
        (["a code that no kind has"], InvalidInputError),
    ],
)
def test_reasons_of_one_kind_raise_that_kind_others_the_nearest(codes: list[str], kind: type[RefusedError]) -> None:
    violations = tuple(Violation(code, "is wrong", "name") for code in codes)
    error = refusal(violations)
    assert type(error) is kind
    assert error.violations == violations
    with pytest.raises(kind):
        refuse(iter(violations))
    refuse([])


def test_reasons_are_grouped_by_field() -> None:
    error = InvalidInputError([WRONG, FULL, Violation("x", "is odd", "name"), Violation("y", "whole")])
    assert {field: len(found) for field, found in error.by_field().items()} == {"name": 2, "contact": 1, None: 1}
    assert str(error).split("; ")[0] == "name must not be longer than 5 characters"
