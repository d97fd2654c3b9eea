"""The piece of recurring work that tells what is new: kept first, then sent, then noted as sent.

A crash between the last two sends the same message again under the same id; none is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

from freehold.core.errors import FreeholdError
from freehold.core.texts import said
from freehold.features.notifications import channels, deliveries, mail, webhook, wording
from freehold.features.notifications.channels import CHANNELS, Channel, Channels, Email
from freehold.features.notifications.deliveries import Due
from freehold.kernel.feature import Reminder
from freehold.kernel.host import Host
from freehold.kernel.inbox import Inbox
from freehold.kernel.recurring import Piece

EVERY_SECONDS = 30.0
PAGE = "/settings/notifications"
_TROUBLE = "notifications:"


def pieces(host: Host) -> tuple[Piece, ...]:
    """One for each channel: where one fails, the other goes on."""
    return (
        Piece("e-mail", "send what waits by e-mail", EVERY_SECONDS, lambda: look(host, "email")),
        Piece("webhook", "call the webhook with what waits", EVERY_SECONDS, lambda: look(host, "webhook")),
    )


def look(host: Host, channel: Channel) -> int:
    """Send what is new to a channel that is on; how many messages that were.

    Raises `NotSent`: one was not taken; the others were tried too, unless nobody answers there.
    """
    with host.node.exclusive(f"notifications:{channel}"):
        kept = channels.load(host.node)
        if not kept.is_on(channel):
            return 0
        items = [
            one
            for one in host.part(Inbox).items()
            # that a channel fails is not told through it
            if one.kind not in kept.choice.without and not one.key.startswith(_TROUBLE + channel)
        ]
        lines = [wording.line(one, kept.choice) for one in items]
        deliveries.note(host.node, channel, lines)
        return _send_all(host, channel, kept, deliveries.due(host.node, channel, lines))


def _send_all(host: Host, channel: Channel, kept: Channels, messages: list[Due]) -> int:
    sent = 0
    failed: mail.NotSent | None = None
    for one in messages:
        try:
            _send(host, channel, kept, one)
        except mail.SentToSome as error:
            # again would reach those twice who have it
            failed = error
        except mail.NotSent as error:
            deliveries.tried(host.node, one.id, sent=False)
            failed = error
            if not _answered(error):
                break
            continue
        deliveries.tried(host.node, one.id, sent=True)
        sent += 1
    if failed:
        raise failed
    return sent


def _answered(error: FreeholdError) -> bool:
    """Whether something answered, so that another message may be taken."""
    return "status" in error.fields or "smtp_code" in error.fields


def _send(host: Host, channel: Channel, kept: Channels, one: Due) -> str:
    node, to = host.node, kept.of(channel)
    if isinstance(to, Email):
        made = mail.message(one.id, one.kept_at, one.lines, to, kept.choice, node.settings.name)
        return mail.send(to, made)
    return webhook.send(to, one.id, node.now(), webhook.content(one.kept_at, one.lines))


def test(host: Host, channel: Channel) -> str:
    """Send an example now; what the server said. Raises `NoChannel`, `NotSent`."""
    kept, id_ = channels.load(host.node), token_hex(16)
    line = wording.example(kept.choice)
    answer = _send(host, channel, kept, Due(id_, host.node.now(), (line,)))
    deliveries.note_test(host.node, channel, id_, line)
    return answer


def reminders(host: Host) -> Iterator[Reminder]:
    """A channel that keeps failing."""
    kept = channels.load(host.node)
    for channel in CHANNELS:
        if kept.is_on(channel) and (since := deliveries.standing(host.node, channel).failing_since):
            text = (
                said("E-mail about what waits for you is not taken by the mail server.")
                if channel == "email"
                else said("The webhook about what waits for you does not take its calls.")
            )
            yield Reminder(text, PAGE, said("Look"), f"{_TROUBLE}{channel}:{since}", "trouble", since)
