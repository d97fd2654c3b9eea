"""Settings > Notifications in a browser: a webhook and a mail server are set up, tested, and switched off and on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console_node import Console
from receivers import PASSWORD, USER, MailServer, Receiver, certificate


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[MailServer]:
    context, _ = certificate(tmp_path, "localhost")
    made = MailServer(context)
    yield made
    made.close()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_both_are_set_up_tested_and_switched(console: Console, page: Any, hook: Receiver, mails: MailServer):
    page.goto(console.url + "settings")
    page.get_by_role("link", name="Notifications").click()
    page.locator("#f-url").fill("http://hooks.example.org/x")
    page.get_by_role("button", name="Make a secret and switch on").click()
    page.get_by_text("without TLS on this machine only").wait_for()
    page.locator("#f-url").fill(hook.url)
    page.get_by_role("button", name="Make a secret and switch on").click()
    secret = page.locator("code.once").inner_text()
    webhook = page.locator("#webhook")
    webhook.get_by_role("button", name="Send a test").click()
    page.get_by_text("The webhook answered 200 thanks").wait_for()
    assert "a-path-that-is-nowhere" not in page.content()
    assert secret not in page.content()
    (call,) = hook.calls
    assert hook.signed(call, secret)
    assert json.loads(call[1])["type"] == "inbox.test"

    webhook.get_by_role("button", name="Switch off").click()
    page.get_by_text("Switched off. What was set up stays.").wait_for()
    assert webhook.get_by_text("Off", exact=True).is_visible()
    page.get_by_role("button", name="Undo").click()
    webhook.get_by_role("button", name="Switch off").wait_for()

    for label, value in (("Mail server", "localhost"), ("Port", str(mails.port)), ("User name", USER)):
        page.get_by_role("textbox", name=label).fill(value)
    page.locator("#f-password").fill(PASSWORD)
    page.locator("#f-sender").fill("node@north.example")
    page.locator("#f-to").fill("Anna <anna@north.example>")
    page.get_by_role("button", name="Save and switch on").click()
    page.get_by_text("is not an e-mail address").wait_for()
    assert page.get_by_label("Mail server").input_value() == "localhost"
    page.locator("#f-to").fill("anna@north.example, ben@north.example")
    page.locator("#f-password").fill(PASSWORD)
    page.get_by_role("button", name="Save and switch on").click()
    page.get_by_text("Send a test to see whether it arrives").wait_for()
    page.locator("#email").get_by_role("button", name="Send a test").click()
    # nobody vouches for the certificate of this server
    page.get_by_text("certificate is not valid").wait_for()
    assert PASSWORD not in page.content()

    page.get_by_label("Requests for your data and models").uncheck()
    page.get_by_label("Language of the messages").select_option("de")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved.").wait_for()
    shown = console.api("/notifications")
    assert (shown["without"], shown["language"]) == (["request"], "de")
    assert shown["email"]["to"] == ["anna@north.example", "ben@north.example"]
    assert PASSWORD not in console.log()
    assert secret not in console.log()
