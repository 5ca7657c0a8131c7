"""Signing in with an API key, and out again: `GET` and `POST /sign-in`, `POST /sign-out`."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.dashboard.context import DashboardContext
from app.dashboard.gate import (
    COOKIE,
    SignInNeeded,
    Visitor,
    check_origin,
    is_on_loopback,
    session_cookie,
    session_token,
    visitor_of,
)
from app.dashboard.pages import (
    accepts_html,
    back_to,
    failed,
    html,
    local_address,
    read_form,
    render_page,
)
from app.db.errors import DatabaseUnavailable
from app.keys.ring import KeysUnknown
from app.keys.schema import ApiKey, hash_key
from app.keys.schema import Scope as KeyScope
from app.keys.tokens import is_token
from app.maven.times import SECOND
from app.sessions.tries import begin_try, forget_tries
from app.web.answers import unavailable
from app.web.authentication import UNKNOWN_KEY
from app.web.problems import FORBIDDEN, OVERLOADED, UNAUTHENTICATED, Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LONGEST_KEY = 1000


class SignIn:
    """The page to sign in at."""

    def __init__(self, context: DashboardContext) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await (self._sign_in(request) if request.method == "POST" else self._show(request))
        except Problem as problem:
            answer = failed(self._context, None, request, problem)
        except DatabaseUnavailable:
            answer = failed(self._context, None, request, unavailable())
        await answer(scope, receive, send)

    async def _show(self, request: Request) -> Response:
        following = local_address(request.query_params.get("next"))
        try:
            await visitor_of(self._context, request.scope)
        except SignInNeeded:
            return self.page(request, following)
        except Problem as problem:
            if not accepts_html(request):
                raise
            return self.page(request, following, problem)
        return back_to(following)

    def page(self, request: Request, following: str, problem: Problem | None = None) -> Response:
        """The page with the form, and what went wrong before."""
        text = render_page(
            "sign_in.html",
            self._context,
            None,
            next=following,
            message=None if problem is None else problem.detail,
            is_unsafe=request.scope["scheme"] == "http" and not is_on_loopback(request.scope),
            has_single_sign_on=self._context.door is not None,
        )
        if problem is None:
            return html(request, text)
        headers = {name: value for name, value in problem.headers.items() if name == "Retry-After"}
        return html(request, text, problem.status, headers)

    async def _sign_in(self, request: Request) -> Response:
        check_origin(self._context, request.scope)
        form = await read_form(request)
        following = local_address(form.get("next"))
        try:
            key, key_hash = await self._judge(request, form.text("key"))
        except Problem as problem:
            if not accepts_html(request):
                raise
            return self.page(request, following, problem)
        return await begin(self._context, request, key, key_hash, following)

    async def _judge(self, request: Request, text: str) -> tuple[ApiKey, str]:
        """The key that was given. Raises `Problem` and `DatabaseUnavailable`."""
        address = address_of(request)
        database = self._context.database
        wait = await database.write(begin_try(database.dialect, address, self._context.clock())) / SECOND
        if wait > 0:
            detail = f"Too many sign-ins failed. Wait {max(1, round(wait / 60))} min and try again."
            raise Problem(OVERLOADED, detail, headers={"Retry-After": str(max(1, round(wait)))})
        try:
            key = self._context.ring.find_key(text) if len(text) <= LONGEST_KEY else None
        except KeysUnknown:
            raise unavailable() from None
        if key is None:
            log.warning("session.refused", client=address)
            if is_token(text):
                raise Problem(UNAUTHENTICATED, "This is an access token. Sign in with the API key itself.")
            raise Problem(UNAUTHENTICATED, UNKNOWN_KEY)
        await database.write(forget_tries(address))
        if not key.may(KeyScope.READ):
            raise Problem(FORBIDDEN, f"The key {key.name} lacks the scope read, which the pages need.")
        return key, hash_key(text)


def address_of(request: Request) -> str:
    """From where a request came, as far as it is known."""
    return request.client.host if request.client is not None else "unknown"


async def begin(
    context: DashboardContext, request: Request, holder: ApiKey, key_hash: str | None, following: str
) -> Response:
    """Begins a session and leads on. The session that the browser had is over. Raises `DatabaseUnavailable`."""
    former = session_token(request.scope)
    if former is not None:
        await context.sessions.end(former)
    token = await context.sessions.begin(holder, key_hash)
    log.info("session.began", name=holder.name, client=address_of(request), is_key=key_hash is not None)
    answer = back_to(following)
    seconds = context.sessions.lifetimes.whole // SECOND
    answer.headers.append("Set-Cookie", session_cookie(request.scope, COOKIE, token, seconds))
    return answer


async def sign_out(context: DashboardContext, visitor: Visitor, request: Request) -> Response:
    """Ends the session, here and in the database."""
    await context.sessions.end(visitor.token)
    log.info("session.ended", name=visitor.key.name)
    answer = back_to("/sign-in")
    answer.headers.append("Set-Cookie", session_cookie(request.scope, COOKIE, "", 0))
    return answer
