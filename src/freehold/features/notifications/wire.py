"""Notifications: what their operations ask and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from freehold.kernel.operation import Effect, Nothing, Operation, Request
from freehold.kernel.shape import Count, Shape, Time
from freehold.kernel.surface import ARGUMENT

GROUPS = {"notifications": "What waits for you, by e-mail and to a webhook."}
Channel = Literal["email", "webhook"]
Security = Literal["starttls", "tls", "none"]


class Sent(Shape):
    """How a channel does."""

    on: bool
    """Whether something is sent there."""
    due: Count
    """Things that are not sent yet."""
    sent_at: Time
    """When the last message went out; 0 for never."""
    failing_since: Time
    """Since when what is due is not taken; 0 where all is well."""


class EmailShown(Sent):
    """A mail server, without its password."""

    server: str
    """Host."""
    port: Count
    """Port."""
    security: Security
    """How the connection is protected."""
    user: str
    """Who logs in; may be empty."""
    sender: str
    """Whom mail is from."""
    to: list[str]
    """Whom it goes to."""


class WebhookShown(Sent):
    """A webhook, without its path and secret."""

    host: str
    """Scheme, host and port."""


class Notifications(Shape):
    """Where notifications go and what of."""

    email: EmailShown | None
    """Null where none was set up."""
    webhook: WebhookShown | None
    """Null where none was set up."""
    kinds: list[str]
    """Kinds of things that are told."""
    without: list[str]
    """Kinds that are not."""
    language: str
    """Of the messages."""
    console_url: str
    """Where links lead; empty for no links."""


class NotificationsKept(Notifications):
    """Where notifications go from now on."""

    secret: str
    """With which the webhook's calls are signed, shown this once; empty where none was made."""


class Tested(Shape):
    """A test that went out."""

    channel: Channel
    """Where to."""
    answer: str
    """What the server said."""


class ShowNotifications(Nothing):
    """Show where notifications go and what of, without secrets."""


Short = Annotated[str, Field(max_length=300)]


class SetNotifications(Request):
    """Set where notifications go and what of.

    What is left out stays. A webhook gets a new secret whenever its address is given, shown this once.
    """

    smtp_server: Short | None = None
    """Host of the mail server."""
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Its port; 587 for starttls and 465 for tls where nothing is said."""
    smtp_security: Security | None = None
    """How the connection is protected: starttls, tls, or none on this machine only."""
    smtp_user: Short | None = None
    """Who logs in; empty for nobody."""
    smtp_password: Annotated[str, Field(max_length=1_000)] | None = None
    """Their password; kept sealed and never shown."""
    sender: Short | None = None
    """Address that mail is from."""
    to: Annotated[list[Short], Field(max_length=20)] | None = None
    """Addresses that mail goes to."""
    webhook_url: Annotated[str, Field(max_length=2_000)] | None = None
    """Address that is called: https, or http on this machine."""
    without: Annotated[list[Short], Field(max_length=50)] | None = None
    """Kinds of things that are not told; by default all are."""
    language: Annotated[str, Field(max_length=20)] | None = None
    """Of the messages, such as de."""
    console_url: Short | None = None
    """Where your console is reached, for links; empty for no links."""
    on: list[Channel] | None = None
    """Channels to switch on."""
    off: list[Channel] | None = None
    """Channels to switch off; what was set up stays."""


class TestNotifications(Request):
    """Send a test, and say what the server answered."""

    channel: Annotated[Channel, ARGUMENT]
    """email or webhook."""


_SAME: dict[str, Any] = {"personal": True}
SHOW = Operation(
    "notifications.show", ShowNotifications, Notifications, "/notifications", Effect.READS,
    method="notifications", example="", **_SAME,
)  # fmt: skip
SET = Operation(
    "notifications.set", SetNotifications, NotificationsKept, "/notifications", Effect.CHANGES,
    method="set_notifications", example="--webhook-url https://hooks.example.org/freehold", **_SAME,
)  # fmt: skip
TEST = Operation(
    "notifications.test", TestNotifications, Tested, "/notifications/test", Effect.CHANGES,
    method="send_test_notification", example="email", **_SAME,
)  # fmt: skip
OPERATIONS = (SHOW, SET, TEST)
