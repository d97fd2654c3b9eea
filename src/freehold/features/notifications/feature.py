"""Notifications: what waits in the inbox is told by e-mail and to a webhook."""

from __future__ import annotations

from freehold.core.texts import said
from freehold.features.notifications import pages, sending, setting, wire
from freehold.kernel.feature import Feature
from freehold.kernel.web.places import Place, Tab

FEATURE = Feature(
    name="notifications",
    about="What waits in the inbox is told by e-mail and to a webhook.",
    operations=(
        wire.SHOW.does(lambda host, _: setting.shown(host.node)),
        wire.SET.does(setting.change),
        wire.TEST.does(setting.test),
    ),
    recurring=(sending.pieces,),
    reminders=(sending.reminders,),
    pages=pages.PAGES,
    tabs=(Tab(Place.SETTINGS, sending.PAGE, said("Notifications"), 30),),
)
