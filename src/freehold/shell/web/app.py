"""The console as one ASGI application: routes, log-in, tokens, errors as pages."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from freehold.core.errors import FreeholdError, NotFound
from freehold.core.texts import said
from freehold.kernel import faults
from freehold.kernel import trail as acts_trail
from freehold.kernel.door import CONSOLE_PATH, Door
from freehold.kernel.inbox import Inbox
from freehold.kernel.limits import Busy
from freehold.kernel.members import Members
from freehold.kernel.registry import everything
from freehold.kernel.trail import Outcome
from freehold.kernel.web import forms
from freehold.kernel.web.forms import TOKEN_FIELD, Form, FormExpired
from freehold.kernel.web.powers import NoPower, Person
from freehold.kernel.web.visit import Answered, NotDone, Page, Visit, moved
from freehold.shell.web import choosing, unsent
from freehold.shell.web.entering import UNSENT_PATH, Entering, set_cookie, unsent_cookie
from freehold.shell.web.gate import Gate
from freehold.shell.web.live import HEADERS, MEDIA_TYPE, Live
from freehold.shell.web.offering import Offering
from freehold.shell.web.pages import (
    assets,
    backup,
    find,
    health,
    home,
    inbox,
    made,
    people,
    settings,
    starting,
    trail,
)
from freehold.shell.web.rendering import Rendering
from freehold.shell.web.sessions import Session, Sessions
from freehold.vault.spool import UPLOADS

_log = logging.getLogger("freehold")
_SOMETHING = said("Sent a form")
REFUSED, TROUBLE = 400, 500
"""Where the statuses begin of what was asked wrongly, and of what did not work here."""


class _Over(Exception):
    """A session ended while its form arrived."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form


MOST_FILES = 2
"""That one person may be sending, or having worked on, at once: each lies on the disk meanwhile."""


MOST_THREADS = 8
"""Requests of one person that are worked on at once; more of theirs wait, and nobody else does."""


class Console:
    """All pages of one node."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.rendering = Rendering()
        self.sessions = Sessions(door.settings.console_idle_minutes * 60, key=self._key)
        self.entering = Entering(door, self.sessions, self.rendering)
        self.live = Live(door, self.entering.end_stale)
        self._sending: Counter[str] = Counter()
        self._threads: defaultdict[str, CapacityLimiter] = defaultdict(lambda: CapacityLimiter(MOST_THREADS))

    def routes(self) -> list[Route]:
        """Every address there is."""
        fixed = [
            Route(CONSOLE_PATH, self._home),
            Route(f"{CONSOLE_PATH}/static/{{version}}/{{name}}", self.rendering.file),
            Route(f"{CONSOLE_PATH}/enter", self.entering.show, methods=["GET"]),
            Route(f"{CONSOLE_PATH}/enter", self.entering.enter, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/enter/code", self.entering.show_code, methods=["GET"]),
            Route(f"{CONSOLE_PATH}/enter/code", self.entering.enter_code, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/leave", self.entering.leave, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/theme", self.entering.theme, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/reading", choosing.choose, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/events", self._events),
            Route(CONSOLE_PATH + UNSENT_PATH, self._unsent),
            Route(f"{CONSOLE_PATH}{UNSENT_PATH}/drop", self._drop_unsent, methods=["POST"]),
        ]
        pages = every_page()
        self.rendering.offering = Offering(pages)
        routes = [Route(CONSOLE_PATH + one.path, self._endpoint(one), methods=[one.method]) for one in pages]
        routes = [*(Route(CONSOLE_PATH + one.path, self._endpoint(one)) for one in _back(pages)), *routes]
        return [*fixed, *routes, Route(CONSOLE_PATH + "/{rest:path}", self._endpoint(Page("/", _missing)))]

    def has_session(self, scope: Scope) -> bool:
        """Whether a request carries the cookie of a session."""
        return self.entering.session(Request(scope), used=False) is not None

    async def _home(self, _: Request) -> Response:
        return RedirectResponse(CONSOLE_PATH + "/", 303)

    async def _events(self, request: Request) -> Response:
        session = self.entering.session(request, used=False)
        if session is None or self.door.host is None:
            # 204 tells a browser not to ask again
            return Response(status_code=204)
        if request.method == "HEAD":
            return Response(media_type=MEDIA_TYPE, headers=HEADERS)
        # its reader goes on sending nothing, so one that ended its side is gone
        request.state.endless = True
        return self.live.respond(session)

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            live = page.method == "GET" and _only_looks(request)
            session = self.entering.session(request, used=not live)
            if session is None or self.door.host is None:
                return await self._ask(request, page)
            visit = self._visit(request, session, live=live)
            try:
                return await self._perform(request, page, visit)
            except Answered as other:
                return other.response
            except _Over as over:
                return self._wait(request, page, over.form)
            except ClientDisconnect:
                return Response(status_code=400)
            except FreeholdError as error:
                failed = error
            except Exception as error:  # noqa: BLE001 - a page says so; the log says what
                failed = faults.met_by_node(error, page.path, _log)
            return await self._in_thread(visit.person, partial(self._failed, request, page, visit, failed))

        return answer

    async def _in_thread(self, person: Person, work: Callable[[], Response]) -> Response:
        """What may take long, in a thread of those that a person may take."""
        return await to_thread.run_sync(work, limiter=self._threads[person.id])

    async def _perform(self, request: Request, page: Page, visit: Visit) -> Response:
        if not visit.may(page.needs):
            raise NoPower.to(page.needs)
        if not page.takes_file:
            return await self._answer(request, page, visit)
        who = visit.person.id
        if self._sending[who] >= MOST_FILES:
            raise Busy(
                said("other files of yours are still on their way"),
                hint=said("Wait for one of them, then try again."),
            )
        self._sending[who] += 1
        try:
            return await self._answer(request, page, visit)
        finally:
            self._sending[who] -= 1

    async def _answer(self, request: Request, page: Page, visit: Visit) -> Response:
        form = await self._form(request, page, visit.session.csrf)

        def act() -> Response:
            # while it arrived, or waited for a thread, they may have been removed, had their role changed or logged out
            if page.method == "POST" and self.entering.session(request) is not visit.session:
                raise _Over(form)
            return _do(page, replace(visit, form=form))

        try:
            done = await self._in_thread(visit.person, act)
        except BaseException:
            form.close()
            raise
        finally:
            if page.method == "POST":
                visit.host.part(Inbox).changed()
        return self._sent(request, visit, done)

    def _failed(self, request: Request, page: Page, visit: Visit, error: FreeholdError) -> Response:
        if isinstance(error, NoPower) and page.method == "POST":
            acts_trail.note(visit.node, visit.person, page.words or _SOMETHING, outcome=Outcome.REFUSED)
        if isinstance(error, FormExpired) and (answered := self._show_expired(request, page, visit, error)):
            return answered
        return visit.show(
            "error.html",
            error.http_status,
            message=error.message,
            hint=error.hint,
            broken=not isinstance(error, NotFound),
        )

    async def _ask(self, request: Request, page: Page) -> Response:
        """To the log-in page; what was posted waits for its author."""
        if page.method != "POST":
            return self.entering.ask(request)
        try:
            form = await self._form(request, page, None)
        except FreeholdError:
            return self.entering.ask(request)
        except ClientDisconnect:
            return Response(status_code=400)
        return self._wait(request, page, form)

    def _wait(self, request: Request, page: Page, form: Form) -> Response:
        """To the log-in page; the form waits there."""
        answer = self.entering.ask(request)
        known = self._author(form) is not None
        if not known and self.door.host is not None:
            # made up by somebody else
            return answer
        kept = unsent.of(form, _address(request), page.words)
        if kept and (token := self.entering.unsent.keep(kept, known=known)):
            set_cookie(answer, request, unsent_cookie(request), token, unsent.KEEP_SECONDS)
        return answer

    def _key(self) -> bytes:
        """Binds the tokens of forms to people, for this process and later ones."""
        assert self.door.host is not None, "nobody is logged in while the node is locked"
        return self.door.host.node.keys.derived("console-forms/v1")

    def _author(self, form: Form) -> str | None:
        """The id of whoever was shown a form, by its token; None where it is nobody's, or the node is locked."""
        if self.door.host is None:
            return None
        people = ("", *(one.id for one in self.door.host.part(Members).known()))
        return next((one for one in people if self.sessions.is_of(form.secret(TOKEN_FIELD), one)), None)

    def _show_expired(
        self, request: Request, page: Page, visit: Visit, expired: FormExpired
    ) -> Response | None:
        """What was typed in a form of an earlier session, to whoever sent it, unless another was shown the form."""
        form = expired.form or Form()
        author = self._author(form)
        kept = unsent.of(form, _address(request), page.words) if author in (None, visit.person.id) else None
        return visit.show("unsent.html", expired.http_status, form=kept) if kept else None

    def _sent(self, request: Request, visit: Visit, done: Response) -> Response:
        """Forget a form that waited for what was now done."""
        token = request.cookies.get(unsent_cookie(request), "")
        if token and request.method == "POST" and done.status_code < 400 and not isinstance(done, NotDone):
            kept = self.entering.waiting(request, visit.person)
            if kept and kept.path == _address(request):
                self.entering.unsent.drop(token)
                done.delete_cookie(
                    unsent_cookie(request), path=CONSOLE_PATH, httponly=True, samesite="strict"
                )
        return done

    async def _unsent(self, request: Request) -> Response:
        session = self.entering.session(request)
        if session is None or self.door.host is None:
            return self.entering.ask(request)
        visit = self._visit(request, session, live=False)
        kept = self.entering.waiting(request, session.person)
        if kept is None:
            return RedirectResponse(CONSOLE_PATH + "/", 303)
        return await self._in_thread(visit.person, partial(visit.show, "unsent.html", form=kept))

    async def _drop_unsent(self, request: Request) -> Response:
        session = self.entering.session(request)
        if session is not None:
            try:
                await forms.read(request, session.csrf)
            except FreeholdError:
                return RedirectResponse(CONSOLE_PATH + UNSENT_PATH, 303)
            token = request.cookies.get(unsent_cookie(request), "")
            if self.entering.waiting(request, session.person):
                self.entering.unsent.drop(token)
            session.say(said("Thrown away. Nothing was sent."))
        return RedirectResponse(CONSOLE_PATH + "/", 303)

    async def _form(self, request: Request, page: Page, token: str | None) -> Form:
        if page.method != "POST":
            return Form()
        if not page.takes_file:
            return await forms.read(request, token)
        most = self.door.settings.max_table_bytes
        return await forms.read_file(request, token, self.door.home / UPLOADS, most)

    def _visit(self, request: Request, session: Session, *, live: bool) -> Visit:
        assert self.door.host is not None
        return Visit(
            door=self.door,
            host=self.door.host,
            session=session,
            path=request.url.path.removeprefix(CONSOLE_PATH),
            params=request.path_params,
            query=request.query_params,
            form=Form(),
            rendering=self.rendering,
            theme=self.entering.chosen_theme(request),
            live=live,
            logout_all=lambda: self.sessions.end_all(session.person),
            check=self.entering.check,
            person=session.person,
        )


def every_page() -> list[Page]:
    """Those of the shell and of all features; the first that an address fits is what it leads to."""
    own = (
        home.PAGES,
        inbox.PAGES,
        starting.PAGES,
        health.PAGES,
        find.PAGES,
        settings.PAGES,
        people.PAGES,
        trail.PAGES,
        backup.PAGES,
        made.PAGES,
    )
    # an asset's page takes what is left of the addresses below it
    pages = [*chain.from_iterable(own), *everything().every("pages"), *assets.PAGES]
    # what an address says outright goes before what takes any word in its place
    return sorted(pages, key=lambda one: "{" in one.path)


def _back(pages: Iterable[Page]) -> Iterator[Page]:
    """Addresses that forms are only sent to: looked at, as by Back or by reloading, each leads to the page above it."""
    pages = list(pages)
    looked_at = {one.path for one in pages if one.method == "GET"}
    looked_at |= {f"/assets/{{asset}}/{one.slug}" for one in assets.every_facet()}
    for path in sorted({one.path for one in pages if one.method == "POST"} - looked_at):
        above = path
        while above and above not in looked_at:
            above = above.rpartition("/")[0]
        yield moved(path, above or "/")


def _only_looks(request: Request) -> bool:
    """Whether a page is asked for and not shown: to refresh itself, by HEAD, ahead of time, or as a picture elsewhere."""
    said = request.headers
    return (
        request.method == "HEAD"
        or "x-freehold-live" in said
        or "sec-purpose" in said
        or said.get("sec-fetch-dest", "document") != "document"
    )


def _address(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return request.url.path.removeprefix(CONSOLE_PATH) + query


def _do(page: Page, visit: Visit) -> Response:
    """What a page does; an act stands in the trail unless it was refused before anything was done."""
    if page.method != "POST":
        return page.handler(visit)
    with acts_trail.acting(visit.node, visit.person, page.words or _SOMETHING) as act:
        try:
            answer = page.handler(visit)
        except FreeholdError as error:
            act.outcome = _of(error.http_status)
            raise
        if isinstance(answer, NotDone):
            act.outcome = _of(answer.why.http_status) if answer.why else None
        elif answer.status_code >= REFUSED:
            act.outcome = _of(answer.status_code)
        else:
            to = urlsplit(answer.headers.get("location", "")).path.removeprefix(CONSOLE_PATH)
            act.outcome, act.link = Outcome.DONE, "" if to.startswith("/enter") else to
        return answer


def _of(status: int) -> Outcome | None:
    """What came of an act that was not done: what was asked wrongly did nothing, a trouble may have met it half-way."""
    return Outcome.UNKNOWN if status >= TROUBLE else None


def _missing(_: Visit) -> Response:
    raise NotFound(said("there is no such page"), hint=said("It may have moved. Start again at Home."))


def create(door: Door) -> Gate:
    """The console of a node that may still be locked."""
    console = Console(door)
    inside = Starlette(routes=console.routes())
    inside.router.redirect_slashes = False
    return Gate(inside, door.settings.console_hosts, console.has_session)
