"""Settings, links, passwords, rules, secrets and the mails' words."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest

from clientmgmt import Brand, Links, Rules, Secret, Settings
from clientmgmt.adapters.wordlist import is_common_password
from clientmgmt.domain import UNSET, Mailbox, MailType, Message, PasswordRules, User, UserId, UserKind
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.letters import Letter
from clientmgmt.domain.passwords import password_violations
from clientmgmt.domain.rules import BulkRules, DeliveryRules, InviteRules
from clientmgmt.errors import ConfigurationError

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
JANE = User(
    id=UserId(UUID(int=1)),
    kind=UserKind.CLIENT_USER,
    first_name="Jane",
    last_name="Featherstone",
    name_key="featherstone jane",
    email=parse_email("Jane.Featherstone@Acme.example", field="email")[0],
    created_at=NOW,
)


@pytest.mark.parametrize(
    "template",
    [
        "https://p.example/accept?t={token}",
        "https://p.example/{tenant}/{client_id}/{token}",
        "https://p.example:8443/#/{token}",
        "http://localhost:8000/?t={token}",
        "http://127.0.0.1/{token}",
        "http://[::1]:80/{token}",
    ],
)
def test_a_good_template_is_taken(template: str) -> None:
    url = Links(invite=template).url("invite", token=Secret("T"), tenant="a/b?c", client_id="7")
    assert isinstance(url, Secret)
    text = url.reveal()
    assert "T" in text
    assert "{" not in text
    if "{tenant}" in template:
        assert text == "https://p.example/a%2Fb%3Fc/7/T"


@pytest.mark.parametrize(
    "template",
    [
        "",
        "https://p.example/accept",
        "http://p.example/{token}",
        "ftp://p.example/{token}",
        "javascript:alert('{token}')",
        "//p.example/{token}",
        "/accept?t={token}",
        "https://{tenant}.p.example/{token}",
        "https://p.example:{token}/",
        "https:///{token}",
        "https://p.example/{token}/{user}",
        "https://p.example/{}/{token}",
        "https://p.example/{0}/{token}",
        "https://p.example/{token.text}",
        "https://p.example/{token!r}",
        "https://p.example/{token:>9}",
        "https://p.example/{token",
        "https://p.example/token}",
        "https://[p.example/{token}",
        "https://p.example/{token}\nBcc: eve@evil.example",
        "https://p.example/{token} x",
    ],
)
def test_a_bad_template_is_refused_when_it_is_made(template: str) -> None:
    with pytest.raises(ConfigurationError, match=r"links\.invite"):
        Links(invite=template)


def test_a_missing_template_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError, match=r"Settings\(links=Links\(invite="):
        Links().require("invite")


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Northwind <hello@northwind.example>", Mailbox("Northwind", "hello@northwind.example")),
        ("hello@northwind.example", Mailbox("", "hello@northwind.example")),
        (" A & B, Ltd. <hello@northwind.example> ", Mailbox("A & B, Ltd.", "hello@northwind.example")),
        ("<hello@northwind.example>", Mailbox("", "hello@northwind.example")),
    ],
)
def test_a_sender_is_written_as_in_mails(text: str, mailbox: Mailbox) -> None:
    assert Settings(sender=text).sender == mailbox


@pytest.mark.parametrize(
    "text",
    ["", "Northwind", "N <x>", "N <a@b.example", "a@b.example>", "N\nBcc: <a@b.example>", "a@b.example, c@d.example"],
)
def test_a_malformed_sender_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="sender"):
        Settings(sender=text)


def test_mails_call_the_tenant_by_its_brand_else_by_the_sender() -> None:
    sender = "Northwind <hello@northwind.example>"
    assert Settings(sender=sender, brand=Brand(name="NW")).brand_name == "NW"
    assert Settings(sender=sender).brand_name == "Northwind"
    assert Settings(sender="hello@northwind.example").brand_name == "hello@northwind.example"
    with pytest.raises(ConfigurationError, match="sender"):
        Settings().require_sender()


def refused(password: object, rules: PasswordRules = PasswordRules()) -> list[str]:  # noqa: B008 - frozen
    found = password_violations(password, JANE, rules=rules, is_common=is_common_password)
    assert all(violation.field == "password" for violation in found)
    assert not any(str(password) in violation.message for violation in found if len(str(password)) > 8)
    return [violation.code for violation in found]


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("correct horse battery staple", []),
        ("x" * 11, ["too_short"]),
        ("x" * 12, []),
        ("é" * 12, []),
        ("x" * 1024, []),
        ("x" * 1025, ["too_long"]),
        ("x" * 10**6, ["too_long"]),
        ("", ["too_short"]),
        ("password", ["too_short", "too_common"]),
        ("1q2w3e4r5t6y", ["too_common"]),
        ("1Q2W3E4R5T6Y", ["too_common"]),
        ("Jane Featherstone", ["too_personal"]),
        ("JANEFEATHERSTONE", ["too_personal"]),
        ("jane.featherstone", ["too_personal"]),
        ("jane.featherstone@ACME.example", ["too_personal"]),
        ("jane.featherstone1", []),
        ("twelve\nlines\x00", []),
        ("twelve chars\ud800", ["not_text"]),
        (None, ["not_text"]),
        (123456789012, ["not_text"]),
        (b"correct horse battery", ["not_text"]),
    ],
)
def test_which_passwords_are_taken(password: object, codes: list[str]) -> None:
    assert refused(password) == codes


def test_the_rules_of_passwords_are_the_hosts() -> None:
    assert refused("password", PasswordRules(shortest=1, refuse_common=False)) == []
    assert refused("x" * 20, PasswordRules(longest=19)) == ["too_long"]


def test_waits_double_up_to_the_longest() -> None:
    rules = DeliveryRules()
    minutes = [rules.wait(attempt) / timedelta(minutes=1) for attempt in range(1, 12)]
    assert minutes == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert rules.wait(10_000) == timedelta(hours=6)
    assert all(rules.wait(n) <= rules.wait(n + 1) for n in range(1, 50))


def test_rules_are_replaced_never_changed() -> None:
    rules = Rules()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        rules.bulk = rules.bulk  # type: ignore[misc]
    assert attrs.evolve(rules, passwords=PasswordRules(shortest=8)).invites == rules.invites


def test_a_secret_shows_nothing_and_is_not_pickled() -> None:
    secret = Secret("s3cr3t")
    assert secret.reveal() == "s3cr3t"
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        f"{secret}",
        repr([secret]),
        repr({1: secret}),
    ):
        assert "s3cr3t" not in shown
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(secret, protocol)
    with pytest.raises(TypeError):
        copy.copy(secret)
    assert not hasattr(secret, "__dict__")


def test_secrets_compare_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("é") != Secret("e")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("\ud800") != Secret("a")


def test_words_with_a_link_are_kept_out_of_repr() -> None:
    box = Mailbox("A", "a@b.example")
    message = Message(
        id="1",
        tenant="t",
        type=MailType.INVITATION,
        date=NOW,
        sender=box,
        to=box,
        subject="S",
        text="https://x/?t=s3cr3t",
    )
    assert "s3cr3t" not in repr(message)
    assert "s3cr3t" not in repr(Letter("S", "https://x/?t=s3cr3t"))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (InviteRules, "valid", timedelta(0)),
        (InviteRules, "valid", 7),
        (InviteRules, "pause", timedelta(seconds=-1)),
        (InviteRules, "per_day", 0),
        (PasswordRules, "shortest", 0),
        (PasswordRules, "longest", 11),
        (PasswordRules, "longest", 4097),
        (DeliveryRules, "attempts", 0),
        (DeliveryRules, "back_off", timedelta(0)),
        (DeliveryRules, "lease", timedelta(0)),
        (DeliveryRules, "pause", timedelta(0)),
        (DeliveryRules, "longest_pause", timedelta(0)),
        (BulkRules, "rows", 0),
        (BulkRules, "rows", -1),
        (BulkRules, "rows", True),
        (BulkRules, "rows", 10_001),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_when_it_is_made(kind: type, field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=field):
        kind(**{field: value})


def test_a_line_end_after_an_address_is_refused() -> None:
    assert [violation.code for violation in parse_email("jane@acme.example\r\n", field="email")[1]] == ["invalid_email"]
    assert parse_email(" jane@acme.example\t", field="email")[1] == ()


def test_what_is_left_as_it_is_prints_its_name() -> None:
    assert repr(UNSET) == "UNSET"


def test_a_value_equals_no_other_kind_of_thing() -> None:
    assert JANE.id != JANE
    assert attrs.evolve(JANE) == JANE
    assert hash(JANE) == hash(attrs.evolve(JANE))
