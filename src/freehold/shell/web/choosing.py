"""What somebody chose for this browser: language and time zone. Asked for before anybody has logged in, too."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from freehold.core.errors import FreeholdError
from freehold.kernel.door import CONSOLE_PATH
from freehold.kernel.web import forms
from freehold.shell.web import reading
from freehold.shell.web.entering import page_within

_YEAR_SECONDS = 31_536_000


async def choose(request: Request) -> Response:
    """Keep a choice in this browser; an empty one leaves it to the browser again."""
    try:
        form = await forms.read(request, None)
        back = page_within(form.text("next"))
        chosen = {
            cookie: form.text(field)
            for field, cookie in (("language", reading.LANGUAGE_COOKIE), ("zone", reading.ZONE_COOKIE))
            if field in form.fields
        }
    except FreeholdError as error:
        return Response(f"{error.message}\n", error.http_status, media_type="text/plain")
    answer = RedirectResponse(CONSOLE_PATH + back, 303)
    for cookie, value in chosen.items():
        if value in reading.LANGUAGES or value in reading.all_zones():
            answer.set_cookie(
                cookie, value, max_age=_YEAR_SECONDS, path=CONSOLE_PATH, httponly=True, samesite="strict"
            )
        else:
            answer.delete_cookie(cookie, path=CONSOLE_PATH, httponly=True, samesite="strict")
    return answer
