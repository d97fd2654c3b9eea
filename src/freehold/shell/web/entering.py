"""Getting in and out: the first-run page, unlocking, logging in, logging out, light and dark."""

from __future__ import annotations

import logging
import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.kernel.door import CONSOLE_PATH, Door
from freehold.kernel.web import forms
from freehold.kernel.web.forms import Form
from freehold.shell import networks
from freehold.shell.networks import Network
from freehold.shell.web import first_run
from freehold.shell.web.rendering import Rendering
from freehold.shell.web.sessions import Attempts, Session, Sessions
from freehold.vault import passphrases

THEMES = ("light", "dark")
THEME_COOKIE = "freehold_theme"
_log = logging.getLogger("freehold")
_YEAR_SECONDS = 31_536_000
_PAGE = re.compile(r"/[A-Za-z0-9/_.-]{0,300}")


class Entering:
    """The pages before the others."""

    def __init__(self, door: Door, sessions: Sessions, rendering: Rendering) -> None:
        self._door, self._sessions, self._rendering = door, sessions, rendering
        self._attempts = Attempts()

    def session(self, request: Request, *, used: bool = True) -> Session | None:
        """Who asks, if they are logged in."""
        token = request.cookies.get(_cookie(request), "")
        return self._sessions.find(token, used=used) if 20 < len(token) < 100 else None

    def chosen_theme(self, request: Request) -> str:
        """light, dark, or empty for the system's choice."""
        chosen = request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    def check(self, passphrase: str) -> None:
        """Raises WrongPassphrase unless this is the node's, TooManyAttempts where that was not looked at."""
        if not passphrase or len(passphrase.encode()) > passphrases.MOST_BYTES:
            raise InvalidInput("the passphrase is missing", hint="Type the one you log in with.")
        self._attempts.make(lambda: self._door.check(passphrase))

    def ask(self, request: Request) -> Response:
        """To the log-in page, and afterwards back to where somebody wanted to go."""
        wanted = request.url.path.removeprefix(CONSOLE_PATH)
        target = f"{CONSOLE_PATH}/enter"
        if request.method == "GET" and wanted not in ("", "/") and _PAGE.fullmatch(wanted):
            target += f"?next={wanted}"
        return RedirectResponse(target, 303)

    async def show(self, request: Request) -> Response:
        """The page for a new node, a locked one, or one that runs."""
        if self.session(request) and self._door.host is not None:
            return RedirectResponse(CONSOLE_PATH + "/", 303)
        return await run_in_threadpool(self._page, request, 200)

    def _page(
        self,
        request: Request,
        status: int,
        error: FreeholdError | None = None,
        form: Form | None = None,
        looked: Network | None = None,
    ) -> Response:
        door, form = self._door, form or Form()
        name = form.fields.get("name", [""])[0][:200]
        kind = "new" if door.is_new else "locked" if door.host is None else "running"
        return self._rendering.page(
            "enter.html",
            status,
            kind=kind,
            error=error,
            theme=self.chosen_theme(request),
            name=name or door.settings.name,
            needs_name=door.host is None and not door.settings.name,
            next=page_within(request.query_params.get("next", "")),
            least=passphrases.LEAST_CHARACTERS,
            network=first_run.offered(door, form),
            looked=looked,
        )

    async def enter(self, request: Request) -> Response:
        """Set up, unlock or log in with the passphrase."""
        form = Form()
        try:
            form = await forms.read(request, None)
            if form.text("look") and self._door.is_new and self._door.asks_network:
                return await run_in_threadpool(self._look, request, form)
            await run_in_threadpool(self._open, form)
        except FreeholdError as error:
            return await run_in_threadpool(self._page, request, error.http_status, error, form)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001 - the page says so; the log says what
            _log.exception("the node could not be opened")
            failed = FreeholdError("the node could not be opened", hint="Its log says why.")
            return await run_in_threadpool(self._page, request, 500, failed, form)
        # whoever logs in again is one person in one browser, not two
        self._sessions.end(request.cookies.get(_cookie(request), ""))
        token, _ = self._sessions.begin()
        answer = RedirectResponse(CONSOLE_PATH + page_within(form.text("next")), 303)
        answer.set_cookie(
            _cookie(request),
            token,
            path=CONSOLE_PATH,
            httponly=True,
            samesite="strict",
            secure=request.headers.get("origin", "").startswith("https:"),
        )
        return answer

    def _look(self, request: Request, form: Form) -> Response:
        """The same page, and what is at the address that was typed."""
        form.fields["network"] = [networks.REAL]
        found, error = first_run.looked_at(form)
        return self._page(request, error.http_status if error else 200, error, form, found)

    def _open(self, form: Form) -> None:
        passphrase, name = form.secret("passphrase"), form.text("name", 200)
        if not passphrase:
            raise InvalidInput("the passphrase is empty", hint="Type it, then continue.")
        if len(passphrase.encode()) > passphrases.MOST_BYTES:
            raise InvalidInput(
                f"a passphrase has at most {passphrases.MOST_BYTES:,} bytes, not {len(passphrase.encode()):,}",
                hint="Type a shorter one.",
            )
        if self._door.is_new:
            if not (name or self._door.settings.name):
                raise InvalidInput("a name is missing", hint="Others will see it; a company's or your own.")
            if form.secret("again") != passphrase:
                raise InvalidInput("the two passphrases differ", hint="Nothing was made. Type both again.")
            passphrases.require_strong(passphrase, name or self._door.settings.name)
        network = first_run.chosen(self._door, form)
        # also of a new node: whoever comes second has guessed
        self._attempts.make(lambda: self._door.open(passphrase, name, **network))

    async def leave(self, request: Request) -> Response:
        """Log out."""
        session = self.session(request)
        answer = RedirectResponse(f"{CONSOLE_PATH}/enter", 303)
        if session is not None:
            try:
                await forms.read(request, session.csrf)
            except FreeholdError as error:
                return self._page(request, error.http_status, error)
            self._sessions.end(request.cookies.get(_cookie(request), ""))
        answer.delete_cookie(_cookie(request), path=CONSOLE_PATH, httponly=True, samesite="strict")
        return answer

    async def theme(self, request: Request) -> Response:
        """Remember light or dark in this browser."""
        try:
            form = await forms.read(request, None)
            chosen, back = form.text("theme"), page_within(form.text("next"))
        except FreeholdError as error:
            return self._page(request, error.http_status, error)
        answer = RedirectResponse(CONSOLE_PATH + back, 303)
        if chosen in THEMES:
            answer.set_cookie(
                THEME_COOKIE,
                chosen,
                max_age=_YEAR_SECONDS,
                path=CONSOLE_PATH,
                httponly=True,
                samesite="strict",
            )
        else:
            answer.delete_cookie(THEME_COOKIE, path=CONSOLE_PATH)
        return answer


def page_within(given: str) -> str:
    """A page of this console; home for anything else, so that nobody is sent elsewhere."""
    return given if _PAGE.fullmatch(given) and "//" not in given and ".." not in given else "/"


def _cookie(request: Request) -> str:
    """Cookies know no ports, so several nodes on one machine need names of their own."""
    return f"freehold_{request.url.port or 'console'}"
