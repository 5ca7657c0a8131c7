"""Signing in where the organisation signs in: the way to the identity provider and back (OpenID Connect).

What has to be remembered between the two halves is in a cookie of the browser that began, for ten minutes: whoever
comes back without it did not begin here. Who the person is, and that the provider is to be believed, is judged by
`sign_on`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from app.dashboard.gate import session_cookie
from app.dashboard.pages import accepts_html, failed, html, local_address, render_page
from app.dashboard.signing_in import address_of, begin
from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey
from app.sign_on.errors import SignOnFailed
from app.sign_on.grants import Grant, grant_for
from app.web.answers import unavailable
from app.web.problems import FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, Problem

if TYPE_CHECKING:
    from app.dashboard.context import DashboardContext
    from app.sign_on.provider import SignOn

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

COOKIE = "hos_sign_on"
COOKIE_SECONDS = 600
BACK = "/sign-in/from-provider"
_REMEMBERED = ("state", "nonce", "verifier", "redirect", "next")


@dataclass(frozen=True, slots=True)
class Door:
    """An identity provider, and what its groups may do here."""

    sign_on: "SignOn"
    grants: Mapping[str, Grant]


class ProviderSignIn:
    """`GET /sign-in/with-provider` and `GET /sign-in/from-provider`."""

    def __init__(self, context: "DashboardContext") -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            if self._context.door is None:
                raise Problem(NOT_FOUND, "Single sign-on is not set up here. Sign in with an API key.")
            is_back = scope["path"] == BACK
            answer = await (self._come_back(request, self._context.door) if is_back else self._leave(request))
        except SignOnFailed as error:
            log.warning("sign_on.failed", reason=error.reason, client=address_of(request))
            answer = self._refused(request, Problem(UNAUTHENTICATED, str(error)))
        except Problem as problem:
            answer = self._refused(request, problem)
        except DatabaseUnavailable:
            answer = failed(self._context, None, request, unavailable())
        if scope["path"] == BACK:
            answer.headers.append("Set-Cookie", session_cookie(scope, COOKIE, "", 0))
        await answer(scope, receive, send)

    async def _leave(self, request: Request) -> Response:
        door = self._context.door
        assert door is not None
        redirect = self._redirect_uri(request)
        begun = await door.sign_on.begin(redirect)
        following = local_address(request.query_params.get("next"))
        kept = dict(zip(_REMEMBERED, (begun.state, begun.nonce, begun.code_verifier, redirect, following), strict=True))
        answer = RedirectResponse(begun.url, 303)
        value = base64.urlsafe_b64encode(orjson.dumps(kept)).decode().rstrip("=")
        answer.headers.append("Set-Cookie", session_cookie(request.scope, COOKIE, value, COOKIE_SECONDS))
        return answer

    async def _come_back(self, request: Request, door: Door) -> Response:
        kept = _remembered(request)
        if kept is None:
            raise Problem(UNAUTHENTICATED, "This sign-in was not begun in this browser, or took too long. Begin again.")
        person = await door.sign_on.finish(
            dict(request.query_params),
            state=kept["state"],
            nonce=kept["nonce"],
            code_verifier=kept["verifier"],
            redirect_uri=kept["redirect"],
        )
        grant = grant_for(person.groups, door.grants)
        if grant is None:
            log.warning("sign_on.not_admitted", subject=person.subject, client=address_of(request))
            raise Problem(FORBIDDEN, f"{person.name}, none of your groups is let in here. Ask your administrator.")
        # People may choose their name: the subject makes it out whose it is, months later too.
        holder = ApiKey(f"{person.name} ({person.subject})", grant.scopes, grant.terminals)
        return await begin(self._context, request, holder, None, local_address(kept["next"]))

    def _redirect_uri(self, request: Request) -> str:
        public = self._context.public_url
        base = f"{request.url.scheme}://{request.url.netloc}" if public is None else public.rstrip("/")
        return base + BACK

    def _refused(self, request: Request, problem: Problem) -> Response:
        if not accepts_html(request):
            return failed(self._context, None, request, problem)
        text = render_page(
            "sign_in.html",
            self._context,
            None,
            next="/",
            message=problem.detail,
            is_unsafe=False,
            has_single_sign_on=self._context.door is not None,
        )
        return html(request, text, problem.status)


def _remembered(request: Request) -> dict[str, str] | None:
    value = request.cookies.get(COOKIE, "")
    try:
        kept = orjson.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except ValueError:
        return None
    is_whole = isinstance(kept, dict) and all(isinstance(kept.get(name), str) for name in _REMEMBERED)
    return kept if is_whole else None
