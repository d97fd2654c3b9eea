"""Settings > Notifications: a mail server, a webhook, and what is told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from starlette.responses import Response

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.texts import said
from freehold.features.notifications import channels, deliveries, sending, setting, wording
from freehold.features.notifications.channels import CHANNELS, MOST_URL, Channel
from freehold.kernel.web.reader import SPOKEN
from freehold.kernel.web.visit import Page, Undo, Visit, acts, shows

PATH = sending.PAGE


@dataclass
class Secrets:
    """A webhook's secret that was just made, until it is shown once."""

    made: str = ""

    def close(self) -> None:
        """Forget it."""
        self.made = ""


def overview(visit: Visit, error: FreeholdError | None = None) -> Response:
    """Where notifications go and what of."""
    kept, secrets, shown = channels.load(visit.node), visit.kept(Secrets), setting.shown(visit.node)
    secret = "" if visit.live else secrets.made
    secrets.made = secrets.made if visit.live else ""
    email = shown["email"] or {"port": 587, "security": "starttls", "to": []}
    typed = {
        name: visit.form.text(name, MOST_URL) if name in visit.form.fields else email.get(name, "")
        for name in ("server", "port", "security", "user", "sender")
    }
    written = visit.form.fields.get("to")
    return visit.show(
        "notifications.html",
        error=error,
        email=shown["email"],
        webhook=shown["webhook"],
        typed={**typed, "to": written[0] if written else ", ".join(email["to"])},
        has_password=bool(kept.email and kept.email.password),
        secret=secret,
        kinds=[(one, wording.NAMES[one], one not in kept.choice.without) for one in wording.KINDS],
        choice=kept.choice,
        spoken=[(one, _name_of(one)) for one in SPOKEN],
        facts={"most": deliveries.MOST_AN_HOUR, "digest": deliveries.DIGEST_OVER},
    )


@cache
def _name_of(language: str) -> str:
    """A language as those who speak it call it."""
    from babel import Locale  # noqa: PLC0415

    return str(Locale.parse(language).get_display_name(language)).capitalize()


def save_email(visit: Visit) -> Response:
    """Set the mail server up."""
    form = visit.form
    try:
        user = form.text("user", 300)
        made = channels.email(
            channels.load(visit.node).email,
            server=form.text("server", 300),
            port=form.number("port", said("The port"), 1, 65_535),
            security=form.text("security", 20),
            sender=form.text("sender", 300),
            to=tuple(form.text("to", MOST_URL).replace(",", " ").replace(";", " ").split()),
            user=user,
            # an empty one is the one of before
            password=(form.secret("password") or None) if user else "",
        )
    except FreeholdError as error:
        return overview(visit, error)
    channels.keep(visit.node, made)
    return visit.go(PATH, said("Kept. Send a test to see whether it arrives."))


def save_webhook(visit: Visit) -> Response:
    """Set the webhook up."""
    try:
        made = channels.webhook(visit.form.text("url", MOST_URL))
    except FreeholdError as error:
        return overview(visit, error)
    channels.keep(visit.node, made)
    visit.kept(Secrets).made = made.secret
    return visit.go(PATH)


def new_secret(visit: Visit) -> Response:
    """Another secret for the same address."""
    visit.kept(Secrets).made = setting.renew(visit.node)
    return visit.go(PATH)


def save_choice(visit: Visit) -> Response:
    """What is told, and how."""
    told = visit.form.chosen("kinds")
    try:
        made = setting.choice(
            without=[one for one in wording.KINDS if one not in told],
            language=visit.form.text("language", 20),
            console_url=visit.form.text("console_url", 300),
        )
    except FreeholdError as error:
        return overview(visit, error)
    channels.keep(visit.node, made)
    return visit.go(PATH, said("Saved."))


def test(visit: Visit) -> Response:
    """Send a test."""
    answer = sending.test(visit.host, _channel(visit))
    return visit.go(PATH, said("The test went out. {answer}", answer=answer))


def switch_off(visit: Visit) -> Response:
    """Send nothing there any more."""
    channel = _channel(visit)
    channels.switch(visit.node, channel, on=False)
    undo = Undo(f"{PATH}/on", fields={"channel": channel})
    return visit.go(PATH, said("Switched off. What was set up stays."), undo=undo)


def switch_on(visit: Visit) -> Response:
    """Send there again."""
    channels.switch(visit.node, _channel(visit), on=True)
    return visit.go(PATH, said("Switched on. What waits now and was not told goes out soon."))


def forget(visit: Visit) -> Response:
    """Forget what was set up, with its secrets."""
    channels.forget(visit.node, _channel(visit))
    return visit.go(PATH, said("Forgotten, with password and secret."))


def _channel(visit: Visit) -> Channel:
    named = visit.form.text("channel", 20)
    for one in CHANNELS:
        if one == named:
            return one
    raise InvalidInput(said("choose e-mail or webhook"))


PAGES: tuple[Page, ...] = (
    shows(PATH, overview),
    acts(f"{PATH}/email", save_email, words=said("Set up e-mail for notifications")),
    acts(f"{PATH}/webhook", save_webhook, words=said("Set up a webhook for notifications")),
    acts(f"{PATH}/secret", new_secret, words=said("Made a new secret for the webhook"), back=PATH),
    acts(f"{PATH}/choice", save_choice, words=said("Changed the notifications")),
    acts(f"{PATH}/test", test, words=said("Sent a test notification"), back=PATH),
    acts(f"{PATH}/off", switch_off, words=said("Switched a notification off"), back=PATH),
    acts(f"{PATH}/on", switch_on, words=said("Switched a notification on"), back=PATH),
    acts(f"{PATH}/forget", forget, words=said("Forgot where notifications went"), back=PATH),
)
