"""Who looks at a page: the session in the cookie, what its holder may do, and that a form came from a page of ours.

A form is refused when the browser says that another site sent it (`Sec-Fetch-Site`, else `Origin`). A client that says
neither has to know the form's token, which is made from the session's own. The cookie is `HttpOnly` and `SameSite=Lax`,
and `Secure` unless the page is looked at on this machine.
"""

import hashlib
import hmac
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.dashboard.context import DashboardContext
from app.db.errors import DatabaseUnavailable
from app.dialling.addresses import is_loopback
from app.keys.ring import KeysUnknown
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.web.answers import unavailable
from app.web.problems import FORBIDDEN, UNAVAILABLE, Problem

COOKIE = "hos_session"


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in."""

    key: ApiKey
    """Name, scopes and terminals, as an API key has them."""
    token: str
    """The session's token, which is in the visitor's cookie and nowhere else."""

    @property
    def form_token(self) -> str:
        """What a form of this session carries."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()

    @property
    def may_review(self) -> bool:
        return self.key.may(KeyScope.REVIEW)

    @property
    def may_see_inspections(self) -> bool:
        return self.key.may(KeyScope.DVIR_READ)

    @property
    def may_operate(self) -> bool:
        """Whether it is an administrator of all terminals: channels, quarantine, hooks and keys know no terminals."""
        return self.key.may(KeyScope.ADMIN) and self.key.terminals is None


def session_token(scope: Scope) -> str | None:
    """The session's token that the request carries."""
    return HTTPConnection(scope).cookies.get(COOKIE) or None


async def visitor_of(context: DashboardContext, scope: Scope, *, is_use: bool = True) -> Visitor:
    """Who is signed in. What a page does by itself is no use of the session.

    Raises `SignInNeeded`, and `Problem` 503 when that cannot be known now, 403 without the scope to read.
    """
    token = session_token(scope)
    if token is None:
        raise SignInNeeded
    try:
        key = await context.sessions.find(token, is_use=is_use)
    except DatabaseUnavailable as error:
        raise unavailable() from error
    except KeysUnknown:
        raise Problem(
            UNAVAILABLE, "Sign-ins cannot be checked now: the database does not answer.", headers={"Retry-After": "2"}
        ) from None
    if key is None:
        raise SignInNeeded
    if not key.may(KeyScope.READ):
        raise Problem(FORBIDDEN, "This key lacks the scope read, which the pages need.")
    return Visitor(key, token)


def check_origin(context: DashboardContext, scope: Scope) -> bool:
    """Whether the browser says that the form came from our own pages; False when it does not say.

    Raises `Problem` 403 when it came from elsewhere.
    """
    headers = Headers(scope=scope)
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is None and origin is None:
        return False
    is_ours = site in (None, "same-origin", "none")
    if origin is not None and site != "same-origin":
        is_ours = is_ours and _host_of(origin) in _our_hosts(context, headers)
    if not is_ours:
        raise Problem(FORBIDDEN, "This form was sent by another site. Open the page here and send it again.")
    return True


def check_form(context: DashboardContext, scope: Scope, visitor: Visitor, sent: str | None) -> None:
    """Raises `Problem` 403 unless a form of one of our pages sent this request, with its token if it has one."""
    is_ours = check_origin(context, scope)
    if sent is None and is_ours:
        return
    if sent is None or not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), visitor.form_token.encode()):
        raise Problem(FORBIDDEN, "This form is out of date, or came from elsewhere. Open the page again and resend it.")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _our_hosts(context: DashboardContext, headers: Headers) -> set[str]:
    hosts = {headers.get("host", "").lower()}
    if context.public_url is not None:
        hosts.add(urlsplit(context.public_url).netloc.lower())
    return hosts - {""}


def is_on_loopback(scope: Scope) -> bool:
    """Whether the browser speaks of this machine by its own name, without encryption."""
    host = Headers(scope=scope).get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return scope["scheme"] == "http" and (is_loopback(name) or name.endswith(".localhost"))


def session_cookie(scope: Scope, name: str, value: str, seconds: int | None = None) -> str:
    """The header that sets a cookie of ours for so many seconds; None: until the browser closes; 0: takes it back."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[name] = value
    morsel = cookie[name]
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Lax"
    if not is_on_loopback(scope):
        morsel["secure"] = True
    if seconds is not None:
        morsel["max-age"] = seconds
    return morsel.OutputString()
