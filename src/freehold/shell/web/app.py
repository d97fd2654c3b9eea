"""The console as one ASGI application: routes, log-in, tokens, errors as pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from freehold.core.errors import FreeholdError, NotFound
from freehold.kernel import faults
from freehold.kernel.door import CONSOLE_PATH, Door
from freehold.kernel.registry import everything
from freehold.kernel.web import forms
from freehold.kernel.web.forms import Form
from freehold.kernel.web.powers import NoPower
from freehold.kernel.web.visit import Answered, Page, Visit, moved
from freehold.shell.web import choosing
from freehold.shell.web.entering import Entering
from freehold.shell.web.gate import Gate
from freehold.shell.web.live import HEADERS, MEDIA_TYPE, Live
from freehold.shell.web.pages import assets, backup, find, home, settings
from freehold.shell.web.rendering import Rendering
from freehold.shell.web.sessions import Session, Sessions
from freehold.vault.spool import sweep

_log = logging.getLogger("freehold")


class Console:
    """All pages of one node."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.rendering = Rendering()
        self.sessions = Sessions(door.settings.console_idle_minutes * 60)
        self.entering = Entering(door, self.sessions, self.rendering)
        self.live = Live(door)

    def routes(self) -> list[Route]:
        """Every address there is."""
        fixed = [
            Route(CONSOLE_PATH, self._home),
            Route(f"{CONSOLE_PATH}/static/{{version}}/{{name}}", self.rendering.file),
            Route(f"{CONSOLE_PATH}/enter", self.entering.show, methods=["GET"]),
            Route(f"{CONSOLE_PATH}/enter", self.entering.enter, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/leave", self.entering.leave, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/theme", self.entering.theme, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/reading", choosing.choose, methods=["POST"]),
            Route(f"{CONSOLE_PATH}/events", self._events),
        ]
        own = (home.PAGES, find.PAGES, settings.PAGES, backup.PAGES)
        # an asset's page takes what is left of the addresses below it
        pages = [*chain.from_iterable(own), *everything().every("pages"), *assets.PAGES]
        made = [Route(CONSOLE_PATH + one.path, self._endpoint(one), methods=[one.method]) for one in pages]
        made = [*(Route(CONSOLE_PATH + one.path, self._endpoint(one)) for one in _back(pages)), *made]
        return [*fixed, *made, Route(CONSOLE_PATH + "/{rest:path}", self._endpoint(Page("/", _missing)))]

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
            live = "x-freehold-live" in request.headers
            session = self.entering.session(request, used=not live)
            if session is None or self.door.host is None:
                return self.entering.ask(request)
            visit = self._visit(request, session, live=live)
            try:
                if not visit.may(page.needs):
                    raise NoPower.to(page.needs)  # noqa: TRY301 - refused as any other error is
                form = await self._form(request, page, session)
                try:
                    return await run_in_threadpool(page.handler, replace(visit, form=form))
                except BaseException:
                    form.close()
                    raise
            except Answered as other:
                return other.response
            except FreeholdError as error:
                failed = error
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:  # noqa: BLE001 - a page says so; the log says what
                failed = faults.met_by_node(error, page.path, _log)
            return await run_in_threadpool(
                visit.show, "error.html", failed.http_status, message=failed.message, hint=failed.hint
            )

        return answer

    async def _form(self, request: Request, page: Page, session: Session) -> Form:
        if page.method != "POST":
            return Form()
        if not page.takes_file:
            return await forms.read(request, session.csrf)
        most = self.door.settings.max_table_bytes
        return await forms.read_file(request, session.csrf, self.door.home / backup.UPLOADS, most)

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
            logout_all=self.sessions.end_all,
            check=self.entering.check,
            person=session.person,
        )


def _back(pages: Iterable[Page]) -> Iterator[Page]:
    """Addresses that forms are only sent to: looked at, as by Back or by reloading, each leads to the page above it."""
    pages = list(pages)
    looked_at = {one.path for one in pages if one.method == "GET"}
    for path in sorted({one.path for one in pages if one.method == "POST"} - looked_at):
        above = path
        while above and above not in looked_at:
            above = above.rpartition("/")[0]
        yield moved(path, above or "/")


def _missing(_: Visit) -> Response:
    raise NotFound("there is no such page", hint="It may have moved. Start again at Home.")


def create(door: Door) -> Gate:
    """The console of a node that may still be locked."""
    if (door.home / backup.UPLOADS).is_dir():
        # of a process that was killed while somebody was publishing
        sweep(door.home / backup.UPLOADS)
    console = Console(door)
    inside = Starlette(routes=console.routes())
    inside.router.redirect_slashes = False
    return Gate(inside, door.settings.console_hosts, console.has_session)
