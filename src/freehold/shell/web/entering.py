"""Getting in and out: the first-run page, unlocking, logging in, logging out, light and dark."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from freehold.core.errors import FreeholdError, InvalidInput
from freehold.core.texts import said
from freehold.kernel import trail
from freehold.kernel.door import CONSOLE_PATH, Door
from freehold.kernel.members import Members
from freehold.kernel.web import forms
from freehold.kernel.web.forms import Form
from freehold.kernel.web.powers import OWNER, Person
from freehold.shell import networks
from freehold.shell.networks import Network
from freehold.shell.web import first_run, joining
from freehold.shell.web.gate import is_over_tls
from freehold.shell.web.joining import Joining
from freehold.shell.web.rendering import Rendering
from freehold.shell.web.sessions import Attempts, Session, Sessions
from freehold.shell.web.unsent import Unsent, UnsentForms
from freehold.vault import passphrases
from freehold.vault.keystore import WrongPassphrase

THEMES = ("light", "dark")
THEME_COOKIE = "freehold_theme"
_log = logging.getLogger("freehold")
UNSENT_PATH = "/unsent"
_YEAR_SECONDS = 31_536_000
_PAGE = re.compile(r"/[A-Za-z0-9/_.-]{0,300}")
_SAID = re.compile(r"[A-Za-z0-9%&=+_.~*-]{0,1500}")


class Entering:
    """The pages before the others."""

    def __init__(self, door: Door, sessions: Sessions, rendering: Rendering) -> None:
        self._door, self._sessions, self._rendering = door, sessions, rendering
        self.unsent = UnsentForms()
        self._attempts, self.joining = Attempts(), Joining()

    def session(self, request: Request, *, used: bool = True) -> Session | None:
        """Who asks, if they are logged in and may still be."""
        token = self.cookie(request)
        session = self._sessions.find(token, used=used) if 20 < len(token) < 100 else None
        if session is not None and not self._stands(session):
            self._sessions.end(token)
            return None
        return session

    def end_stale(self) -> None:
        """End the sessions of those who were removed, or whose role or password was changed."""
        for name, session in self._sessions.each():
            if not self._stands(session):
                self._sessions.drop(name)

    def _stands(self, session: Session) -> bool:
        if not session.person.id:
            return True
        host = self._door.host
        found = host.part(Members).find(session.person.id) if host else None
        return found is not None and found.version == session.version

    def cookie(self, request: Request) -> str:
        """What a browser says of its session, which may be over."""
        return request.cookies.get(_cookie(request), "")

    def chosen_theme(self, request: Request) -> str:
        """light, dark, or empty for the system's choice."""
        chosen = request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    def check(self, passphrase: str) -> None:
        """Raises WrongPassphrase unless this is the node's, TooManyAttempts where that was not looked at."""
        if not passphrase or len(passphrase.encode()) > passphrases.MOST_BYTES:
            raise InvalidInput(said("the passphrase is missing"), hint=said("Type the one you log in with."))
        self._attempts.make(lambda: self._door.check(passphrase))

    def ask(self, request: Request) -> Response:
        """To the log-in page, and afterwards back to where somebody wanted to go."""
        wanted = request.url.path.removeprefix(CONSOLE_PATH)
        # of a file that is asked for, the page that it is downloaded from
        said = [
            (name, one) for name, one in request.query_params.multi_items() if not name.endswith("format")
        ]
        target = f"{CONSOLE_PATH}/enter"
        back = page_within(f"{wanted}?{urlencode(said)}" if said else wanted)
        if request.method == "GET" and back != "/":
            target += f"?{urlencode({'next': back}, safe='/')}"
        return RedirectResponse(target, 303)

    async def show(self, request: Request) -> Response:
        """The page for a new node, a locked one, or one that runs."""
        if self.session(request) and self._door.host is not None:
            return RedirectResponse(CONSOLE_PATH + page_within(request.query_params.get("next", "")), 303)
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
            # also after a passphrase that was wrong
            next=page_within(form.fields.get("next", [request.query_params.get("next", "")])[0]),
            least=passphrases.LEAST_CHARACTERS,
            network=first_run.offered(door, form),
            looked=looked,
            people=self._people,
            account=form.fields.get("person", [""])[0][:200],
        )

    @property
    def _people(self) -> bool:
        """Whether others than the owner may log in now."""
        return self._door.host is not None and self._door.host.part(Members).any

    async def enter(self, request: Request) -> Response:
        """Set up, unlock or log in with the passphrase."""
        form = Form()
        try:
            form = await forms.read(request, None)
            if form.text("look") and self._door.is_new and self._door.asks_network:
                return await run_in_threadpool(self._look, request, form)
            person, version = await run_in_threadpool(self._open, form)
        except FreeholdError as error:
            return await run_in_threadpool(self._page, request, error.http_status, error, form)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001 - the page says so; the log says what
            _log.exception("the node could not be opened")
            failed = FreeholdError(said("the node could not be opened"), hint=said("Its log says why."))
            return await run_in_threadpool(self._page, request, 500, failed, form)
        return self.begin(request, person, version, page_within(form.text("next")))

    def begin(self, request: Request, person: Person, version: int, target: str) -> Response:
        """Into the console, with a session that nobody knew before."""
        # whoever logs in again is one person in one browser, not two
        self._sessions.end(self.cookie(request))
        token, _ = self._sessions.begin(person, version)
        if self.waiting(request, person):
            target = UNSENT_PATH
        answer = RedirectResponse(CONSOLE_PATH + target, 303)
        set_cookie(answer, request, _cookie(request), token)
        return answer

    def waiting(self, request: Request, person: Person) -> Unsent | None:
        """The form of theirs that waits in this browser."""
        token = request.cookies.get(unsent_cookie(request), "")
        return self.unsent.find(token, lambda csrf: self._sessions.is_of(csrf, person.id))

    def _look(self, request: Request, form: Form) -> Response:
        """The same page, and what is at the address that was typed."""
        form.fields["network"] = [networks.REAL]
        found, error = first_run.looked_at(form)
        return self._page(request, error.http_status if error else 200, error, form, found)

    def _open(self, form: Form) -> tuple[Person, int]:
        passphrase, name = form.secret("passphrase"), form.text("name", 200)
        if not passphrase:
            raise InvalidInput(said("the passphrase is empty"), hint=said("Type it, then continue."))
        joining.require_bounded(passphrase)
        before = self._door.host
        if before is not None and (person := form.text("person", 200)):
            member = self.joining.log_in(before, person, passphrase)
            return member.person, member.version
        if self._door.is_new:
            if not (name or self._door.settings.name):
                raise InvalidInput(
                    said("a name is missing"), hint=said("Others will see it; a company's or your own.")
                )
            if form.secret("again") != passphrase:
                raise InvalidInput(
                    said("the two passphrases differ"), hint=said("Nothing was made. Type both again.")
                )
            if why := passphrases.weakness(passphrase, name or self._door.settings.name):
                raise passphrases.WeakPassphrase(
                    said("the passphrase is too weak: {why}", why=why),
                    hint=said(
                        "Use several words that are not a saying, or this one, which was made at random now:"
                        " {words}. Write it down.",
                        words=passphrases.suggest(),
                    ),
                )
        network = first_run.chosen(self._door, form)
        # also of a new node: whoever comes second has guessed
        try:
            self._attempts.make(lambda: self._door.open(passphrase, name, **network))
        except WrongPassphrase:
            if before is not None:
                joining.failed(before, OWNER)
            raise
        if self._door.host is not None:
            trail.note(self._door.host.node, OWNER, said("Logged in"))
        return OWNER, 0

    async def show_code(self, request: Request) -> Response:
        """Where somebody who was invited chooses a password."""
        return self._code_page(request, 200)

    def _code_page(
        self, request: Request, status: int, error: FreeholdError | None = None, name: str = ""
    ) -> Response:
        return self._rendering.page(
            "enter_code.html",
            status,
            error=error,
            theme=self.chosen_theme(request),
            node_name=self._door.settings.name,
            locked=self._door.host is None,
            name=name,
            least=passphrases.LEAST_CHARACTERS,
        )

    async def enter_code(self, request: Request) -> Response:
        """Choose a password with a code, and log in."""
        form = Form()
        try:
            form = await forms.read(request, None)
            member = await run_in_threadpool(self.joining.redeem, self._door.host, form)
        except FreeholdError as error:
            typed = form.fields.get("person", [""])[0][:200]
            return self._code_page(request, error.http_status, error, typed)
        except ClientDisconnect:
            return Response(status_code=400)
        return self.begin(request, member.person, member.version, "/")

    async def leave(self, request: Request) -> Response:
        """Log out."""
        session = self.session(request)
        answer = RedirectResponse(f"{CONSOLE_PATH}/enter", 303)
        if session is not None:
            try:
                await forms.read(request, session.csrf)
            except FreeholdError as error:
                return self._page(request, error.http_status, error)
            self._sessions.end(self.cookie(request))
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


def set_cookie(answer: Response, request: Request, name: str, value: str, max_age: int | None = None) -> None:
    """A cookie that no script reads and no other site's page sends."""
    answer.set_cookie(
        name,
        value,
        max_age=max_age,
        path=CONSOLE_PATH,
        httponly=True,
        samesite="strict",
        secure=is_over_tls(request.headers),
    )


def page_within(given: str) -> str:
    """A page of this console, with what its address says; home for anything else, so that nobody is sent elsewhere."""
    page, _, said = given.partition("?")
    if not _PAGE.fullmatch(page) or "//" in page or ".." in page:
        return "/"
    return given if said and _SAID.fullmatch(said) else page


def _cookie(request: Request) -> str:
    """Cookies know no ports, so several nodes on one machine need names of their own."""
    return f"freehold_{request.url.port or 'console'}"


def unsent_cookie(request: Request) -> str:
    """The name of the cookie under which a form waits."""
    return f"{_cookie(request)}_unsent"
