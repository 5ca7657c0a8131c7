"""Pages on the wire: templates, what every page of a visitor has, compression, and errors that people can read.

Owns the order of things around a page: who looks, the handler, its troubles as a page for browsers and as a problem
document for programs. What a page shows is left to its module.
"""

import gzip
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.alerts.problems import DESK_ERRORS, desk_problem
from app.dashboard.compression import packed_answer
from app.dashboard.context import DashboardContext
from app.dashboard.duty_words import DUTY_FILTERS
from app.dashboard.gate import SignInNeeded, Visitor, check_form, visitor_of
from app.dashboard.inspection_words import INSPECTION_FILTERS
from app.dashboard.statics import STATICS
from app.dashboard.words import WORDS
from app.db.errors import DatabaseRefused, DatabaseUnavailable
from app.web.answers import unavailable
from app.web.bodies import FORM_TYPE, media_type, read_body
from app.web.problems import (
    FORBIDDEN,
    INVALID_FIELDS,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    answer_for,
    request_id_of,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
MOST_FORM_BYTES = 1024 * 1024
MOST_FORM_FIELDS = 2000

LIVE_HEADER = "x-live"
"""On requests that a page makes by itself, for its live part alone."""

Handler = Callable[[DashboardContext, Visitor, Request], Awaitable[ASGIApp]]
"""Gives the page for a visitor. Raises `Problem`, `DatabaseUnavailable` and what the desks raise."""


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= WORDS | DUTY_FILTERS | INSPECTION_FILTERS
    environment.globals |= {"static": STATICS.address}
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: object) -> str:
    """A template, or a part of a page, as text."""
    return _ENVIRONMENT.get_template(template).render(**values)


def render_page(template: str, context: DashboardContext, visitor: Visitor | None, **values: object) -> str:
    """A whole page: what every page has, and its own values."""
    return render(template, visitor=visitor, zones=context.zones, version=context.version, **values)


def html(request: Request, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A page as an answer, compressed if the browser takes that."""
    body = text.encode("utf-8", "replace")
    return page_answer(request, body, lambda: gzip.compress(body, 5, mtime=0), status, headers)


def page_answer(
    request: Request,
    body: bytes,
    pack: Callable[[], bytes],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page, or a part of one, as an answer with what every page says of itself; `pack` gives it compressed."""
    sent = {"Content-Security-Policy": POLICY, "Vary": "Accept, Accept-Encoding, Cookie", **(headers or {})}
    return packed_answer(request, body, pack, "text/html", status, sent)


def accepts_html(request: Request) -> bool:
    """Whether it is a browser that asks: it names HTML. Others get problem documents."""
    return "text/html" in request.headers.get("accept", "").lower()


def back_to(address: str) -> Response:
    """The answer to a form that was done: look at this page."""
    return RedirectResponse(address, 303)


def here(request: Request) -> str:
    """The address of the request, without the host."""
    query = request.scope["query_string"].decode("latin-1")
    path = quote(request.scope.get("raw_path") or request.scope["path"], safe="/%:@!$&'()*+,;=-._~")
    return f"{path}?{query}" if query else path


def local_address(text: str | None) -> str:
    """A page of ours to go to, as a form or a link named it; the overview for anything else."""
    if text is None or not text.startswith("/") or text.startswith(("//", "/\\")) or not text.isprintable():
        return "/"
    return text if text.isascii() and "\\" not in text else "/"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in their order."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The first value of a field; None when it was not sent."""
        return next((value for field, value in self.fields if field == name), None)

    def text(self, name: str) -> str:
        """The first value of a field without surrounding space; empty when it was not sent."""
        return (self.get(name) or "").strip()

    def lines(self, name: str) -> list[str]:
        """The lines of a field that are not blank, each without surrounding space."""
        return [line.strip() for line in self.text(name).split("\n") if line.strip()]

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return [value for field, value in self.fields if field == name]


async def read_form(request: Request) -> Form:
    """The form that was sent. Raises `Problem` 413, 415 and 422."""
    if media_type(request.scope) != FORM_TYPE:
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send the fields of the form as {FORM_TYPE}.")
    body = await read_body(request.scope, request.receive, MOST_FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FORM_FIELDS,
        )
    except (UnicodeDecodeError, ValueError):
        raise Problem(
            INVALID_FIELDS, "The form is not encoded as forms are, in UTF-8, or has too many fields."
        ) from None
    return Form(tuple((name, value.replace("\r\n", "\n")) for name, value in pairs))


class Page:
    """An endpoint for visitors. With `is_operators` for administrators of all terminals alone."""

    def __init__(self, context: DashboardContext, handler: Handler, *, is_operators: bool = False) -> None:
        self._context = context
        self._handler = handler
        self._is_operators = is_operators

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        """The page, or what went wrong in the way the client reads it."""
        visitor: Visitor | None = None
        try:
            visitor = await visitor_of(self._context, request.scope, is_use=LIVE_HEADER not in request.headers)
            if self._is_operators and not visitor.may_operate:
                raise Problem(FORBIDDEN, "This page is for administrators of all terminals.")
            return await self._handler(self._context, visitor, request)
        except SignInNeeded:
            if request.method in ("GET", "HEAD"):
                return RedirectResponse(f"/sign-in?next={quote(here(request), safe='')}", 303)
            problem = Problem(
                UNAUTHENTICATED, "Nobody is signed in, or the sign-in is over. Sign in and send it again."
            )
        except Problem as error:
            problem = error
        except DESK_ERRORS as error:
            problem = desk_problem(error)
        except DatabaseUnavailable:
            problem = unavailable()
        except DatabaseRefused as error:  # a fault of ours, and no input's
            log.error("page.refused", path=request.scope["path"], exc_info=error)
            problem = Problem(UNAVAILABLE, "The database cannot answer this.", headers={"Retry-After": "2"})
        return failed(self._context, visitor, request, problem)


def failed(context: DashboardContext, visitor: Visitor | None, request: Request, problem: Problem) -> Response:
    """A problem as a page for people, and as a document for programs."""
    if not accepts_html(request):
        return answer_for(problem, request.scope)
    text = render_page(
        "problem.html",
        context,
        visitor,
        problem=problem,
        request_id=request_id_of(request.scope),
        address=here(request),
    )
    return html(request, text, problem.status, problem.headers)


class FormPost(Page):
    """An endpoint that takes a form of a visitor. The handler gets the form in `request.state.form`."""

    def __init__(self, context: DashboardContext, handler: Handler, *, is_operators: bool = False) -> None:
        async def judge(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
            form = await read_form(request)
            check_form(context, request.scope, visitor, form.get("token"))
            request.state.form = form
            return await handler(context, visitor, request)

        super().__init__(context, judge, is_operators=is_operators)


def form_of(request: Request) -> Form:
    """The form of a `FormPost`."""
    form = request.state.form
    assert isinstance(form, Form)
    return form
