"""What waits is told by e-mail and webhook: at least once, never unsigned, in plain words, with no secret anywhere."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from node_world import Party, World
from receivers import PASSWORD, USER, MailServer, Receiver, certificate

from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.features.notifications import channels, deliveries, mail, sending, setting, webhook, wire
from freehold.features.notifications.mail import NotSent
from freehold.kernel import inbox
from freehold.kernel.feature import Feature, Reminder
from freehold.kernel.inbox import Inbox
from freehold.kernel.registry import Registry, everything
from freehold.shell import logs
from freehold.shell.web import reading

HOSTILE = "Eve\r\nBcc: all@victim.example\r\n\r\n=?utf-8?q?Hi?= <b>\u202egnp.exe\x00"


class Clock:
    """Time that goes on when it is told to."""

    ahead = 0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Shop:
    """One node, what waits there, and both receivers."""

    def __init__(self, party: Party, clock: Clock, mails: MailServer, hook: Receiver) -> None:
        self.party, self.clock, self.mails, self.hook = party, clock, mails, hook
        self.items: list[Reminder] = []
        self.host, self.node = party.services, party.node

    def add(self, key: str, who: str = "Harbour Lab", kind: str = "request") -> None:
        text = said("{who} asks to use {what}.", who=who, what="Biopsies")
        self.items.append(Reminder(text, f"/requests/{key}", "Decide", key, kind))

    def email(self, **chosen: Any) -> None:
        asked: dict[str, Any] = {
            "smtp_server": "localhost",
            "smtp_port": self.mails.port,
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "sender": "node@north.example",
            "to": ["anna@north.example"],
        }
        setting.change(self.host, wire.SetNotifications.of(**{**asked, **chosen}))

    def webhook(self) -> str:
        changed = setting.change(self.host, wire.SetNotifications.of(webhook_url=self.hook.url))
        return str(changed["secret"])

    def look(self, channel: channels.Channel) -> int:
        return sending.look(self.host, channel)


@pytest.fixture(scope="module")
def made(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ...]]:
    context, trusted = certificate(tmp_path_factory.mktemp("tls"), "localhost")
    clock, mails, hook = Clock(), MailServer(context), Receiver()
    yield world.party("Clinic North", clock=clock), clock, mails, hook, trusted
    mails.close()
    hook.close()


@pytest.fixture
def shop(made: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> Shop:
    party, clock, mails, hook, trusted = made
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    shop = Shop(party, clock, mails, hook)
    with party.node.store.transaction() as tx:
        tx.connection.execute("DELETE FROM notifications")
        tx.connection.execute("DELETE FROM notification_channels")
    for kept in (mails.mails, mails.raw, mails.recipients, hook.calls):
        kept.clear()
    mails.answer, mails.refuses, hook.status, hook.location = "250 taken", "", 200, ""
    toy = Feature("toy", "What waits.", reminders=(lambda _: tuple(shop.items),))
    monkeypatch.setattr(inbox, "everything", lambda: Registry((*everything().features, toy)))
    return shop


def test_a_mail_says_what_waits_once_and_its_id_is_that_of_the_row(shop: Shop):
    shop.email(to=["anna@north.example", "ben@north.example"])
    setting.change(shop.host, wire.SetNotifications.of(console_url="https://console.north.example/console/"))
    shop.add("r1")
    assert (shop.look("email"), shop.look("email")) == (1, 0)
    (sent,) = shop.mails.mails
    ((row,),) = shop.node.store.rows("SELECT id FROM notifications")
    assert sent["Message-ID"] == f"<{row}@north.example>"
    assert sent["Subject"] == "A request waits for you"
    assert str(sent["From"]) == "Clinic North <node@north.example>"
    assert shop.mails.recipients == [["anna@north.example", "ben@north.example"]]
    assert sent.get_content_type() == "text/plain"
    assert sent.get_content().splitlines()[:2] == [
        "Harbour Lab asks to use Biopsies.",
        "https://console.north.example/console/requests/r1",
    ]


def test_a_mail_is_in_the_language_that_was_chosen(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.email()
    german = reading.translations("de")
    monkeypatch.setitem(german._catalog, "A request waits for you", "Eine Anfrage wartet auf Sie")
    setting.change(shop.host, wire.SetNotifications.of(language="de"))
    shop.add("r1")
    shop.look("email")
    assert shop.mails.mails[0]["Subject"] == "Eine Anfrage wartet auf Sie"


def test_names_of_others_add_no_header_and_no_line(shop: Shop):
    shop.email()
    secret = shop.webhook()
    shop.add("r1", who=HOSTILE)
    shop.look("email")
    shop.look("webhook")
    (sent,) = shop.mails.mails
    assert set(sent.keys()) <= {
        "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
        "Content-Transfer-Encoding", "MIME-Version", "X-Peer", "X-MailFrom", "X-RcptTo",
    }  # fmt: skip
    assert shop.mails.recipients == [["anna@north.example"]]
    first = sent.get_content().splitlines()[0]
    assert first.startswith("Eve")
    assert first.endswith("asks to use Biopsies.")
    assert len(sent.get_content().splitlines()) == 4
    assert not {"\u202e", "\x00"} & set(sent.get_content())
    (call,) = shop.hook.calls
    assert shop.hook.signed(call, secret)
    assert json.loads(call[1])["data"]["text"] == first


@pytest.mark.parametrize(
    "typed",
    [
        "Anna <anna@north.example>", "anna@north.example\r\nBcc: x@y.example", '"a b"@north.example', "anna",
        "=?utf-8?q?a?=@nor th.example", "anna@", "@north.example", "anna@north.example,ben@north.example",
        "-anna@north..example",
    ],
)  # fmt: skip
def test_what_is_more_than_an_address_is_refused(typed: str):
    with pytest.raises(InvalidInput):
        channels.address(typed)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/x", "ftp://127.0.0.1/", "https://u:p@hooks.example.org/", "https:///x",
        "https://hooks.example.org/a b", "https://hooks.example.org/\r\nx: y", "https://h.example/#x", "",
    ],
)  # fmt: skip
def test_what_is_not_called_is_refused(url: str):
    with pytest.raises(InvalidInput):
        channels.webhook(url)


def test_the_published_signature():
    # github.com/standard-webhooks/standard-webhooks, libraries' own test
    signed = webhook.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_gets_a_signed_call_and_a_digest_where_much_is_due(shop: Shop):
    secret = shop.webhook()
    shop.add("r1")
    assert shop.look("webhook") == 1
    headers, body = shop.hook.calls[0]
    assert shop.hook.signed(shop.hook.calls[0], secret)
    assert not shop.hook.signed((headers, body + b" "), secret)
    said_there = json.loads(body)
    assert said_there["type"] == "inbox.item"
    assert said_there["data"] == {
        "key": "r1",
        "kind": "request",
        "text": "Harbour Lab asks to use Biopsies.",
        "href": "/requests/r1",
    }
    for n in range(2, 8):
        shop.add(f"r{n}")
    assert shop.look("webhook") == 1
    digest = json.loads(shop.hook.calls[1][1])
    assert digest["type"] == "inbox.items"
    assert {one["key"] for one in digest["data"]["items"]} == {f"r{n}" for n in range(2, 8)}


@pytest.mark.parametrize("where", ["before it was sent", "after it was sent"])
def test_a_crash_loses_nothing_and_keeps_the_id(shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str):
    shop.webhook()
    shop.add("r1")

    def dies(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(*((sending, "_send") if where.startswith("before") else (deliveries, "tried")), dies)
        with pytest.raises(SystemExit):
            shop.look("webhook")
    ((row, state),) = shop.node.store.rows("SELECT id, state FROM notifications")
    assert state == "due"
    assert (shop.look("webhook"), shop.look("webhook")) == (1, 0)
    assert {headers["webhook-id"] for headers, _ in shop.hook.calls} == {row}
    assert len(shop.hook.calls) == (1 if where.startswith("before") else 2)


def test_a_server_that_fails_becomes_a_thing_of_the_inbox_told_by_the_other_channel(shop: Shop):
    shop.email()
    secret = shop.webhook()
    shop.mails.answer = "451 come back later"
    shop.add("r1")
    for _ in range(deliveries.TROUBLE_ATTEMPTS):
        with pytest.raises(NotSent, match="451 come back later"):
            shop.look("email")
    (trouble,) = [one for one in shop.host.part(Inbox).items() if one.kind == "trouble"]
    assert "E-mail" in trouble.text
    assert trouble.href == "/settings/notifications"
    assert shop.look("webhook") == 2
    assert all(shop.hook.signed(call, secret) for call in shop.hook.calls)
    shop.mails.answer = "250 taken"
    assert shop.look("email") == 1
    assert [one["Subject"] for one in shop.mails.mails] == ["A request waits for you"]
    assert not [one for one in shop.host.part(Inbox).items() if one.kind == "trouble"]


def test_a_message_is_given_up_in_the_end(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deliveries, "MOST_ATTEMPTS", 2)
    shop.webhook()
    shop.hook.status, shop.hook.location = 302, "http://127.0.0.1:1/elsewhere"
    shop.add("r1")
    for _ in range(2):
        with pytest.raises(NotSent, match="302") as caught:
            shop.look("webhook")
        assert "Redirects are not followed" in caught.value.hint
    assert shop.look("webhook") == 0
    assert len(shop.hook.calls) == 2


def test_what_is_over_is_not_sent_and_what_comes_back_is_told_again(shop: Shop):
    shop.webhook()
    shop.add("fees", kind="trouble")
    assert shop.look("webhook") == 1
    again = shop.items.pop()
    assert shop.look("webhook") == 0
    shop.items.append(again)
    # it came and went within the hour
    assert shop.look("webhook") == 0
    shop.clock.ahead += deliveries.REPEAT_SECONDS + 1
    assert shop.look("webhook") == 1
    shop.hook.status = 500
    shop.add("r1")
    with pytest.raises(NotSent):
        shop.look("webhook")
    shop.hook.status = 200
    shop.items.clear()
    assert shop.look("webhook") == 0
    assert len(shop.hook.calls) == 3


def test_an_hour_has_so_many_messages_and_the_rest_comes_later(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deliveries, "MOST_AN_HOUR", 3)
    shop.webhook()
    for n in range(3):
        shop.add(f"r{n}")
    assert shop.look("webhook") == 3
    shop.add("r3")
    shop.add("r4")
    assert shop.look("webhook") == 0
    shop.clock.ahead += deliveries.HOUR_SECONDS + 1
    assert shop.look("webhook") == 2


def test_kinds_that_are_not_wanted_are_not_told_and_off_is_off(shop: Shop):
    shop.webhook()
    setting.change(shop.host, wire.SetNotifications.of(without=["refusal"]))
    shop.add("r1", kind="refusal")
    shop.add("r2", kind="a kind of tomorrow")
    assert shop.look("webhook") == 1
    assert json.loads(shop.hook.calls[0][1])["data"]["key"] == "r2"
    setting.change(shop.host, wire.SetNotifications.of(off=["webhook"]))
    shop.add("r3")
    assert shop.look("webhook") == 0
    setting.change(shop.host, wire.SetNotifications.of(on=["webhook"]))
    assert shop.look("webhook") == 1


def test_a_test_says_what_the_server_answers(shop: Shop):
    shop.email(to=["anna@north.example", "ben@north.example"])
    assert "2 of your addresses" in sending.test(shop.host, "email")
    shop.mails.refuses = "ben@north.example"
    with pytest.raises(mail.SentToSome, match="550 nobody here"):
        sending.test(shop.host, "email")
    shop.email(smtp_password="another")
    with pytest.raises(NotSent, match="refuses user name or password"):
        sending.test(shop.host, "email")
    shop.webhook()
    assert sending.test(shop.host, "webhook").endswith("200 thanks")


def test_mail_goes_to_no_server_whose_certificate_is_not_trusted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    _, other = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    shop.email()
    with pytest.raises(NotSent, match="certificate"):
        sending.test(shop.host, "email")
    with pytest.raises(InvalidInput, match="on this machine only"):
        shop.email(smtp_server="mail.north.example", smtp_security="none")


def test_a_password_is_not_sent_to_another_server(shop: Shop):
    shop.email()
    with pytest.raises(InvalidInput, match="go together"):
        setting.change(shop.host, wire.SetNotifications.of(smtp_server="mail.evil.example"))
    shown = setting.change(
        shop.host, wire.SetNotifications.of(smtp_port=shop.mails.port, to=["c@north.example"])
    )
    assert shown["email"]["to"] == ["c@north.example"]
    sending.test(shop.host, "email")


def test_secrets_stand_nowhere_in_the_clear(shop: Shop, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    for name, level in logs._CHATTY.items():
        caplog.set_level(level, name)
    shop.email()
    secret = shop.webhook()
    shop.add("r1")
    shop.hook.status = 500
    told = []
    for one in ("email", "webhook"):
        try:
            told.append(str(sending.test(shop.host, one)))
        except NotSent as error:
            told.append(json.dumps(error.problem()))
    told.append(json.dumps(setting.shown(shop.node)))
    told.append(caplog.text)
    shop.node.store.tidy()
    kept = b"".join(path.read_bytes() for path in shop.party.home.rglob("*") if path.is_file())
    for hidden in (PASSWORD, secret, secret.removeprefix("whsec_"), "a-path-that-is-nowhere"):
        assert hidden.encode() not in kept
        assert not [one for one in told if hidden in one]
    assert b"anna@north.example" not in kept


def test_a_year_later_nothing_of_it_is_kept(shop: Shop):
    shop.webhook()
    shop.add("r1")
    shop.look("webhook")
    shop.items.clear()
    shop.look("webhook")
    shop.clock.ahead += deliveries.KEEP_SECONDS + 10
    shop.look("webhook")
    assert shop.node.store.rows("SELECT count(*) FROM notifications") == [(0,)]
