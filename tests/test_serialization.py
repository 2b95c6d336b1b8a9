"""Values to JSON-ready data and back, strictly."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientmgmt import domain
from clientmgmt.domain import (
    BulkResult,
    BulkRules,
    Catalog,
    Client,
    ClientAdded,
    ClientId,
    ClientStatus,
    ClientUser,
    Contact,
    DeliveryRules,
    Email,
    Event,
    InviteRules,
    Links,
    Mailbox,
    Message,
    Page,
    PasswordRules,
    ResetMode,
    ResetRules,
    RetentionRules,
    Role,
    Row,
    Rules,
    Scope,
    Secret,
    Session,
    SessionRules,
    Settings,
    SiteId,
    Staff,
    Stamp,
    Stranger,
    System,
    ThrottleRules,
    Transition,
    User,
)
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.feed import NewEvent
from clientmgmt.errors import ConfigurationError, InvalidInputError, Violation
from clientmgmt.serialization import dump, load

T = TypeVar("T")
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
CANARY = "c4n4ry"


def refused(kind: Any, data: object) -> list[tuple[str | None, str]]:  # noqa: ANN401 - any type
    """Path and code of every reason; nothing of the data may be in them."""
    with pytest.raises(InvalidInputError) as caught:
        load(kind, data)
    error = caught.value
    assert CANARY not in repr(error) + str(error) + repr(error.violations)
    assert error.__context__ is None
    return [(violation.field, violation.code) for violation in error.violations]


# Round trips.


def addresses() -> st.SearchStrategy[Email]:
    texts = ["jane@acme.example", "O'Neil+x@Acme.Example", "jané@bücher.example", "info@b.example"]
    return st.sampled_from([parse_email(text, field="email")[0] for text in texts])


moments = st.datetimes(timezones=st.just(UTC))
durations = st.one_of(
    st.integers(-(10**9), 10**9).map(lambda seconds: timedelta(seconds=seconds)),
    st.timedeltas(timedelta(days=-90_000), timedelta(days=90_000)),
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(-(2**63), 2**63),
    bool: st.booleans(),
    NoneType: st.none(),
    UUID: st.uuids(),
    datetime: moments,
    timedelta: durations,
    Email: addresses(),
    Links: st.just(Links()) | st.just(Links(invite="https://portal.example/?t={token}")),
}


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any type
    """Values of a public type, field by field; nothing is registered, so other tests stay as they are."""
    plain = getattr(kind, "__supertype__", kind)
    if plain in LEAVES:
        return LEAVES[plain]
    if isinstance(plain, type) and attrs.has(plain):
        hints = get_type_hints(plain)
        return st.builds(plain, **{field.alias: values(hints[field.name]) for field in attrs.fields(plain)})
    parts = [values(part) for part in get_args(plain) if part is not ...]
    match get_origin(plain):
        case origin if origin in {Union, UnionType}:
            return st.one_of(parts)
        case origin if origin in {tuple, frozenset}:
            return st.lists(parts[0], max_size=2).map(origin)
        case origin if origin is Mapping:
            return st.dictionaries(*parts, max_size=2)
    return st.from_type(plain)


APART = {Page, Row, BulkResult, Transition, Session, domain.Link}
"""Values of other values, and those with a secret, which are not read back."""

VALUES = [
    value
    for value in map(domain.__dict__.get, domain.__all__)
    if isinstance(value, type) and attrs.has(value) and value not in APART
]
LONG = st.timedeltas(timedelta(microseconds=1), timedelta(days=999))
COUNTS = st.integers(1, 2**63)
LEAVES[Staff] = st.builds(
    Staff, st.sampled_from(["ada", "ü 1"]), roles=st.none() | st.lists(st.text(max_size=8), max_size=2)
)
LEAVES[Scope] = st.just(Scope.everything()) | st.lists(st.uuids(), min_size=1, max_size=2).map(
    lambda ids: Scope.only(*map(SiteId, ids))
)
LEAVES[Stranger] = st.builds(Stranger, st.sampled_from(["192.0.2.1", "door"]))
LEAVES[ResetRules] = st.builds(ResetRules, valid=LONG, mode=st.sampled_from(ResetMode))
LEAVES[ThrottleRules] = st.builds(
    ThrottleRules,
    resets=COUNTS,
    resets_per_origin=COUNTS,
    resets_within=LONG,
    failures=COUNTS,
    failures_per_origin=COUNTS,
    failures_within=LONG,
)
LEAVES[SessionRules] = st.builds(SessionRules, valid=LONG)
LEAVES[InviteRules] = st.builds(InviteRules, valid=LONG, pause=LONG | st.just(timedelta(0)), per_day=COUNTS)
LEAVES[PasswordRules] = st.builds(
    PasswordRules, shortest=st.integers(1, 9), longest=st.integers(9, 4096), refuse_common=st.booleans()
)
LEAVES[DeliveryRules] = st.builds(
    DeliveryRules,
    attempts=COUNTS,
    back_off=LONG,
    longest_wait=LONG,
    longest_asked=LONG,
    lease=LONG,
    pause=LONG,
    longest_pause=LONG,
    together=COUNTS,
)
LEAVES[Catalog] = st.sampled_from(
    [Catalog(), Catalog().extend(permissions=["shifts.plan"], roles=[Role("planner", "client", {"shifts.plan"})])]
)
LEAVES[RetentionRules] = st.builds(
    RetentionRules,
    idempotency_keys=LONG,
    links=LONG,
    deliveries=LONG,
    logins=LONG,
    feed=LONG | st.just(timedelta(0)),
)
LEAVES[BulkRules] = st.builds(BulkRules, rows=st.integers(1, 10_000))
LEAVES[Settings] = st.builds(
    Settings,
    sender=st.none() | values(Mailbox),
    reply_to=st.none() | values(Mailbox),
    links=LEAVES[Links],
    rules=values(Rules),
)


def tuples(items: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=2).map(tuple)


def pages(items: st.SearchStrategy[T]) -> st.SearchStrategy[Page[T]]:
    return st.builds(Page, tuples(items), st.none() | st.text(max_size=8))


def rows(items: st.SearchStrategy[T]) -> st.SearchStrategy[Row[T]]:
    reasons = tuples(values(Violation))
    return st.builds(Row, st.integers(1), st.none() | items, reasons, st.booleans())


GENERICS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Page[Contact], pages(values(Contact))),
    (Page[str], pages(st.text(max_size=8))),
    (Row[User], rows(values(User))),
    (Row[int], rows(st.integers())),
    (BulkResult[Client], st.builds(BulkResult, tuples(rows(values(Client))))),
    (Page[Row[Staff]], pages(rows(values(Staff)))),
    (Page[Event], pages(values(ClientAdded))),
]


def test_the_values_are_all_there() -> None:
    assert {Client, Contact, User, Event, ClientAdded, Settings, Rules, Message, Violation, Stamp} <= set(VALUES)
    assert len(VALUES) > 40


EVERYTHING = [*((kind, values(kind)) for kind in VALUES), *GENERICS]


@pytest.mark.parametrize(("kind", "strategy"), EVERYTHING, ids=[str(kind) for kind, _ in EVERYTHING])
@settings(max_examples=25)
@given(data=st.data())
def test_every_public_value_comes_back_as_it_was(
    kind: Any,  # noqa: ANN401 - any type
    strategy: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    value = data.draw(strategy)
    text = json.dumps(dump(value), allow_nan=False)
    assert load(kind, json.loads(text)) == value


def test_a_link_to_hand_on_is_written_without_its_url_and_never_read() -> None:
    link = domain.Link(url=Secret(f"https://portal.example/?t={CANARY}"), expires_at=AT)
    assert dump(link) == {"url": "***", "expires_at": "2026-01-31T12:00:00Z"}
    assert CANARY not in repr(link) + str(link)
    assert refused(domain.Link, dump(link)) == [("url", "secret")]


def test_a_session_is_written_without_its_token_and_never_read() -> None:
    session = Session(token=Secret("open sesame"), actor=ClientUser(domain.UserId(ID)), clients=(), expires_at=AT)
    written = dump(session)
    assert (written["token"], written["expires_at"]) == ("***", AT.isoformat().replace("+00:00", "Z"))
    with pytest.raises(InvalidInputError) as refused:
        load(Session, written)
    assert set(refused.value.by_field()) == {"token"}


@pytest.mark.parametrize("kind", [kind for kind in VALUES if issubclass(kind, Event)])
@settings(max_examples=10)
@given(data=st.data())
def test_the_feed_writes_events_as_serialization_does(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(values(kind))
    assert json.loads(NewEvent.of(event).data) == dump(event)


@given(st.decimals(-(10**20), 10**20, allow_nan=False, allow_infinity=False, places=6))
def test_decimals_come_back(value: Decimal) -> None:
    assert load(Decimal, json.loads(json.dumps(dump(value)))) == value


@given(st.dates())
def test_dates_come_back(value: date) -> None:
    assert load(date, dump(value)) == value


@given(moments, st.integers(-23 * 60, 23 * 60))
def test_a_time_of_any_zone_is_the_same_moment_in_utc(at: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    try:
        local = at.astimezone(zone)
    except OverflowError:
        return
    assert dump(local) == dump(at)
    loaded = load(datetime, local.isoformat())
    assert loaded == at
    assert loaded.tzinfo is UTC


def test_how_values_look() -> None:
    assert dump(AT) == "2026-01-31T12:00:00Z"
    assert dump(ID) == "01890a5d-ac96-774b-bcce-b302099a8057"
    assert dump(timedelta(days=7)) == 604_800
    assert dump(timedelta(milliseconds=1500)) == 1.5
    assert dump(Decimal("12.50")) == "12.50"
    assert dump(Decimal("1E+3")) == "1000"
    assert dump(date(2026, 1, 31)) == "2026-01-31"
    assert dump(ClientStatus.ACTIVE) == "active"
    assert type(dump(ClientStatus.ACTIVE)) is str
    assert dump(parse_email("Jane@BÜCHER.example", field="email")[0]) == "Jane@bücher.example"
    assert dump(Staff("ada", roles={"b", "a"})) == {"reference": "ada", "roles": ["a", "b"]}
    assert dump((1, "a", None, True, 1.5)) == [1, "a", None, True, 1.5]
    assert dump({"a": (ID,)}) == {"a": [str(ID)]}
    assert dump([frozenset({"b", "a"})]) == [["a", "b"]]


def test_a_number_is_exact() -> None:
    assert load(float, 1) == load(float, 1.0) == 1
    assert load(timedelta, 0.000001) == timedelta(microseconds=1)


def test_a_text_field_with_a_member_of_an_enumeration_is_plain_text() -> None:
    data = dump(Violation(ClientStatus.ACTIVE, "message"))
    assert type(data["code"]) is str


def test_an_event_names_itself_and_is_found_by_its_name() -> None:
    event = ClientAdded(
        stamp=Stamp(ID, "acme", AT, "staff:ada"),
        subject=ID,
        title="Acme",
        email="a@b.example",
        status=ClientStatus.ACTIVE,
    )
    data = dump(event)
    assert data["name"] == "client_added"
    assert load(Event, data) == load(ClientAdded, data) == event
    assert dump(Page((event,), None))["items"] == [data]
    assert load(Page[Event], {"items": [data], "next_cursor": None}).items == (event,)
    for name in ("client_lost", None, 5, ["client_added"]):
        (reason, *_) = refused(Page[Event], {"items": [data | {"name": name}], "next_cursor": None})
        assert reason == ("items[0].name", "required" if name is None else "unknown_name")
    assert refused(Event, {}) == [("name", "required")]
    assert refused(domain.StaffAdded, data) == [("name", "unknown_name")]
    assert refused(Event, "client_added") == [(None, "not_an_object")]


def test_an_actor_is_known_by_its_fields() -> None:
    actors: Any = domain.Actor
    for actor in (Staff("ada", roles={"editor"}), ClientUser(domain.UserId(ID)), System("import")):
        assert load(actors, dump(actor)) == actor


def test_ids_keep_their_types_plain() -> None:
    assert load(ClientId, str(ID)) == ID
    assert load(ClientId, str(ID).upper()) == ID


def test_a_secret_is_neither_written_nor_read_back() -> None:
    data = dump(Page((Secret(CANARY),), None))
    assert data == {"items": ["***"], "next_cursor": None}
    assert refused(Page[Secret], data) == [("items[0]", "secret")]
    assert refused(Secret, CANARY) == [(None, "secret")]


# What cannot be written.


@pytest.mark.parametrize(
    "value",
    [
        object(),
        b"bytes",
        1j,
        float("nan"),
        float("inf"),
        Page((object(),), None),
        AT.replace(tzinfo=None),
        print,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_value_is_not_written(value: object) -> None:
    with pytest.raises(ConfigurationError):
        dump(value)


@attrs.frozen
class Box(Generic[T]):
    """Used by one test alone: once a type was read, its annotations stay resolved."""

    inside: T


def test_a_generic_type_is_read_before_its_plain_form_ever_was() -> None:
    assert load(Box[Staff], {"inside": {"reference": "ada", "roles": []}}) == Box(inside=Staff("ada", roles=()))


def test_a_type_that_cannot_be_read_is_a_fault_of_the_program() -> None:
    for kind in (object, Page[object], Row):
        with pytest.raises(ConfigurationError):
            load(kind, {"items": [1], "next_cursor": None, "number": 1, "value": 1})


# What is refused.


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        (str, 1, "not_text"),
        (str, None, "required"),
        (str, b"x", "not_text"),
        (str, [], "not_text"),
        (int, True, "not_an_integer"),
        (int, "1", "not_an_integer"),
        (int, 1.0, "not_an_integer"),
        (float, "1", "not_a_number"),
        (float, True, "not_a_number"),
        (float, float("nan"), "not_a_number"),
        (float, 10**400, "not_a_number"),
        (bool, 1, "not_a_flag"),
        (bool, "true", "not_a_flag"),
        (bool, None, "required"),
        (UUID, "x", "not_an_id"),
        (UUID, ID.hex, "not_an_id"),
        (UUID, f"{{{ID}}}", "not_an_id"),
        (UUID, f"urn:uuid:{ID}", "not_an_id"),
        (UUID, 5, "not_an_id"),
        (UUID, str(ID) + "\n", "not_an_id"),
        (datetime, "2026-01-31T12:00:00", "no_zone"),
        (datetime, "2026-01-31", "not_a_time"),
        (datetime, "2026-01-31 12:00:00Z", "not_a_time"),
        (datetime, "20260131T120000Z", "not_a_time"),
        (datetime, "2026-W05-6T12:00:00Z", "not_a_time"),
        (datetime, "2026-02-30T12:00:00Z", "not_a_time"),
        (datetime, "2026-01-31T25:00:00Z", "not_a_time"),
        (datetime, "2026-01-31T12:00:60Z", "not_a_time"),
        (datetime, "2026-01-31T12:00:00.1234567Z", "not_a_time"),
        (datetime, "0001-01-01T00:00:00+02:00", "not_a_time"),
        (datetime, "31/01/2026", "not_a_time"),
        (datetime, "٢٠٢٦-01-31T12:00:00Z", "not_a_time"),
        (datetime, 1_769_860_800, "not_a_time"),
        (datetime, None, "required"),
        (date, "2026-01-31T12:00:00Z", "not_a_date"),
        (date, "2026-02-30", "not_a_date"),
        (date, "20260131", "not_a_date"),
        (timedelta, "60", "not_a_duration"),
        (timedelta, True, "not_a_duration"),
        (timedelta, float("nan"), "not_a_duration"),
        (timedelta, float("inf"), "not_a_duration"),
        (timedelta, 1e300, "not_a_duration"),
        (timedelta, 10**400, "not_a_duration"),
        (Decimal, 1, "not_a_decimal"),
        (Decimal, 1.5, "not_a_decimal"),
        (Decimal, "NaN", "not_a_decimal"),
        (Decimal, "1e400", "not_a_decimal"),
        (Decimal, "1_000", "not_a_decimal"),
        (Decimal, "٣", "not_a_decimal"),
        (Decimal, "9" * 100, "not_a_decimal"),
        (Email, "jane", "invalid_email"),
        (Email, None, "required"),
        (Email, {"address": "a@b.example", "key": "other@b.example"}, "not_text"),
        (ClientStatus, "ACTIVE", "unknown_name"),
        (ClientStatus, "gone", "unknown_name"),
        (ClientStatus, 1, "unknown_name"),
        (ClientStatus, ["active"], "unknown_name"),
        (ClientStatus, None, "required"),
        (InviteRules, [], "not_an_object"),
        (InviteRules, "abc", "not_an_object"),
        (InviteRules, None, "required"),
        (tuple[str, ...], "abc", "not_a_list"),
        (tuple[str, ...], {"a": 1}, "not_a_list"),
        (tuple[str, ...], None, "required"),
        (frozenset[str], "abc", "not_a_list"),
        (dict[str, str], [], "not_an_object"),
        (domain.Actor, {}, "invalid"),
        (Staff | None, 5, "not_an_object"),
    ],
    ids=repr,
)
def test_nothing_is_guessed(kind: Any, data: object, code: str) -> None:  # noqa: ANN401 - any type
    assert refused(kind, data) == [(None, code)]


def test_facts_are_text_or_whole_numbers() -> None:
    fine = Violation("too_many", "no room", data={"limit": 10, "name": "x"})
    assert load(Violation, dump(fine)) == fine
    assert refused(Violation, dump(fine) | {"data": {"limit": 1.5}}) == [("data.limit", "not_text")]


def test_all_problems_are_told_at_once_by_their_path() -> None:
    data = {
        "items": [
            {
                "number": "1",
                "value": {"reference": 5, "roles": ["a", 5, None], "isAdmin": CANARY},
                "changed": "yes",
            },
            {
                "value": CANARY,
                "violations": [{"code": "x", "message": "y", "data": {"limit": 1.5, f"{CANARY} !": None}}],
            },
            CANARY,
        ],
    }
    assert refused(Page[Row[Staff]], data) == [
        ("items[0].number", "not_an_integer"),
        ("items[0].value.reference", "not_text"),
        ("items[0].value.roles[1]", "not_text"),
        ("items[0].value.roles[2]", "required"),
        ("items[0].value.isAdmin", "unknown_field"),
        ("items[0].changed", "not_a_flag"),
        ("items[1].number", "required"),
        ("items[1].value", "not_an_object"),
        ("items[1].violations[0].data.limit", "not_text"),
        ("items[1].violations[0].data.?", "required"),
        ("items[2]", "not_an_object"),
        ("next_cursor", "required"),
    ]


@pytest.mark.parametrize("name", [f"{CANARY} x", "a.b", "", "x" * 65, f"\n{CANARY}", 5, None, (1, 2)])
def test_an_unknown_key_that_could_be_no_field_is_not_repeated(name: object) -> None:
    assert refused(InviteRules, {name: 1}) == [("?", "unknown_field")]


def test_what_a_constructor_objects_to_is_told_without_the_value() -> None:
    data = dump(Settings()) | {"links": {"invite": f"http://{CANARY}.example/{{{CANARY}}}"}}
    assert refused(Settings, data) == [("links", "invalid")]


def test_missing_fields_with_defaults_take_them() -> None:
    assert load(Settings, {}) == Settings()
    assert load(Rules, {"invites": {"per_day": 3}}) == Rules(invites=InviteRules(per_day=3))


def test_a_role_has_a_set_of_permissions() -> None:
    role = domain.ROLES["client_basic"]
    assert dump(role)["permissions"] == ["files", "tickets"]
    assert load(Role, dump(role)) == role


def test_every_enumeration_comes_back() -> None:
    kinds = [kind for kind in vars(domain).values() if isinstance(kind, type) and issubclass(kind, Enum)]
    assert len(kinds) >= 8
    assert all(load(kind, dump(member)) is member for kind in kinds for member in kind)


def test_importing_the_package_does_not_load_cattrs() -> None:
    program = "import sys, clientmgmt; print('cattrs' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == "False"
