"""Showing and changing where notifications go, over every face but the console's forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from freehold.core.errors import InvalidInput
from freehold.core.texts import said
from freehold.features.notifications import channels, deliveries, sending, wire, wording
from freehold.features.notifications.channels import Channels, Choice, Email, Webhook
from freehold.kernel import trail
from freehold.kernel.host import Host
from freehold.kernel.node import Node
from freehold.kernel.web.powers import OWNER
from freehold.kernel.web.reader import SPOKEN

CHANGED = said("Changed the notifications")
TESTED = said("Sent a test notification")
PORTS = {"starttls": 587, "tls": 465, "none": 25}


def shown(node: Node) -> dict[str, Any]:
    """All of it but secrets."""
    kept = channels.load(node)
    email, webhook, choice = kept.email, kept.webhook, kept.choice
    return {
        "email": email
        and {
            **{name: getattr(email, name) for name in ("server", "port", "security", "user", "sender")},
            "to": list(email.to),
            **_standing(node, "email", on=email.on),
        },
        "webhook": webhook and {"host": webhook.shown, **_standing(node, "webhook", on=webhook.on)},
        "kinds": [one for one in wording.KINDS if one not in choice.without],
        "without": list(choice.without),
        "language": choice.language,
        "console_url": choice.console_url,
    }


def _standing(node: Node, channel: channels.Channel, *, on: bool) -> dict[str, Any]:
    return {"on": on, **vars(deliveries.standing(node, channel))}


def renew(node: Node) -> str:
    """A new secret for the webhook that there is. Raises `NoChannel`."""
    kept = channels.load(node).of("webhook")
    assert isinstance(kept, Webhook)
    made = replace(kept, secret=channels.webhook(kept.url).secret)
    channels.keep(node, made)
    return made.secret


def choice(*, without: list[str], language: str, console_url: str) -> Choice:
    """What is told, and how, as somebody typed it. Raises `InvalidInput`."""
    if unknown := set(without) - set(wording.KINDS):
        raise InvalidInput(
            said("{kind} is no kind of thing that waits", kind=min(unknown)[:40]),
            hint=said("Kinds are {kinds}.", kinds=list(wording.KINDS)),
        )
    if language not in SPOKEN:
        raise InvalidInput(said("messages are not there in this language"))
    return Choice(tuple(without), language, channels.console_url(console_url))


def change(host: Host, asked: wire.SetNotifications) -> dict[str, Any]:
    """What was asked; nothing of it where some of it is wrong. Raises `InvalidInput`, `NoChannel`."""
    node = host.node
    kept = channels.load(node)
    webhook = None if asked.webhook_url is None else channels.webhook(asked.webhook_url)
    changed = Channels(
        _email(kept.email, asked) or kept.email,
        webhook or kept.webhook,
        _choice(kept.choice, asked) or kept.choice,
    )
    for channel in asked.on or ():
        changed = changed.switched(channel, on=True)
    for channel in asked.off or ():
        changed = changed.switched(channel, on=False)
    for one in (changed.email, changed.webhook, changed.choice):
        if one is not None:
            channels.keep(node, one)
    trail.note(node, OWNER, CHANGED, link=sending.PAGE)
    return {**shown(node), "secret": webhook.secret if webhook else ""}


def _email(before: Email | None, asked: wire.SetNotifications) -> Email | None:
    mail = (asked.smtp_server, asked.smtp_port, asked.smtp_security, asked.smtp_user, asked.smtp_password)
    if all(one is None for one in (*mail, asked.sender, asked.to)):
        return None
    security = _said(asked.smtp_security, before and before.security, "starttls")
    user = _said(asked.smtp_user, before and before.user, "")
    return channels.email(
        before,
        server=_said(asked.smtp_server, before and before.server, ""),
        port=_said(asked.smtp_port, before and before.port, PORTS[security]),
        security=security,
        sender=_said(asked.sender, before and before.sender, ""),
        to=tuple(_said(asked.to, before and before.to, ())),
        user=user,
        password=asked.smtp_password if user else "",
    )


def _choice(before: Choice, asked: wire.SetNotifications) -> Choice | None:
    if all(one is None for one in (asked.without, asked.language, asked.console_url)):
        return None
    return choice(
        without=list(_said(asked.without, before.without, [])),
        language=_said(asked.language, before.language, "en"),
        console_url=_said(asked.console_url, before.console_url, ""),
    )


def _said(now: Any, before: Any, usual: Any) -> Any:
    return now if now is not None else before if before is not None else usual


def test(host: Host, asked: wire.TestNotifications) -> dict[str, Any]:
    """Send a test. Raises `NoChannel`, `NotSent`."""
    answer = sending.test(host, asked.channel)
    trail.note(host.node, OWNER, TESTED, link=sending.PAGE)
    return {"channel": asked.channel, "answer": answer}
