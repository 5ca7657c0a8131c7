"""API keys and webhook tokens on pages: made, shown this once, listed, revoked.

What a key may be is `keys.schema`'s to say. Keys of the settings are named, and end with the settings.
"""

from contextlib import suppress
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.pages import Form, back_to, form_of, html, render_page
from app.db.errors import DatabaseConflict, DatabaseUnavailable
from app.db.statements import Fetch, ReadScript
from app.keys.schema import NAME_TAKEN, SCOPE_NAMES, Scope, WrongKey, check_new_key, hash_key, new_key
from app.keys.store import KeyRecord, create_key, list_keys, revoke_key
from app.maven.faults import find_unstorable
from app.sessions.store import find_session, hash_token
from app.web.parameters import read_parameters
from app.web.problems import CONFLICT, INVALID_FIELDS, NOT_FOUND, Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MOST_REVOKED = 100
"""Revoked keys that the page shows, the last ones."""
MOST_TERMINALS = 1000

SCOPE_WORDS = {
    Scope.READ: "read violations, drivers, changes and statistics, on pages and by the API",
    Scope.REVIEW: "say what was done about a violation; reading needs the scope read beside it",
    Scope.LOG_READ: "read drivers' duty logs, by the API and, with read beside it, on pages",
    Scope.LOG_WRITE: "write and edit drivers' duty logs by the API",
    Scope.DVIR_READ: "read vehicle inspections, by the API and, with read beside it, on pages",
    Scope.DVIR_WRITE: "create vehicle inspections by the API",
    Scope.ADMIN: "all of the above, and the quarantine, hooks and keys",
    Scope.WEBHOOK: "post events to the webhook, and nothing else",
}


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What was typed for a new key, and what is wrong with it, by field."""

    name: str = ""
    scopes: frozenset[str] = frozenset()
    terminals: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    def error(self, field: str) -> str | None:
        """What is wrong with a field."""
        return dict(self.errors).get(field)


async def show_list(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/keys`."""
    read_parameters(request.scope["query_string"], ())
    return await _list(context, visitor, request, KeyForm())


async def _list(
    context: DashboardContext, visitor: Visitor, request: Request, form: KeyForm, status: int = 200
) -> Response:
    records = await context.database.read(list_keys())
    revoked = sorted((one for one in records if one.revoked_at is not None), key=lambda one: -(one.revoked_at or 0))
    text = _rendered(
        context,
        visitor,
        "keys.html",
        in_force=[one for one in records if one.revoked_at is None],
        revoked=revoked[:MOST_REVOKED],
        revoked_count=len(revoked),
        fixed=sorted(context.ring.fixed_names),
        form=form,
        scope_words=SCOPE_WORDS,
    )
    return html(request, text, status)


def _rendered(context: DashboardContext, visitor: Visitor, template: str, **values: object) -> str:
    return render_page(
        f"operations/{template}", context, visitor, here="operations", part="keys", now=context.clock(), **values
    )


async def create(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/keys`: a page with the key, or the list again with what is wrong."""
    form = form_of(request)
    name = form.text("name")
    terminals = _terminals(form)
    try:
        scopes = _scopes(form)
        check_new_key(name, scopes, terminals, lambda text: find_unstorable(text) is None)
        if len(terminals) > MOST_TERMINALS:
            raise WrongKey("terminals", f"must be {MOST_TERMINALS} at most")
        if name in context.ring.fixed_names:
            raise WrongKey("name", NAME_TAKEN)
        key = new_key(scopes)
        limit = set(terminals) if terminals else None
        await context.database.write(create_key(name, hash_key(key), scopes, limit, context.clock()))
    except WrongKey as error:
        return await _list(context, visitor, request, _again(form, error.field, str(error)), 422)
    except DatabaseConflict:
        detail = "is that of a key in force already; revoke that one first, or choose another name"
        return await _list(context, visitor, request, _again(form, "name", detail), 409)
    log.info(
        "key.created",
        name=name,
        scopes=sorted(scopes),
        terminals=None if limit is None else len(limit),
        by=visitor.key.name,
    )
    return html(request, _rendered(context, visitor, "key_made.html", name=name, scopes=sorted(scopes), key=key))


def _terminals(form: Form) -> list[str]:
    return [line.strip() for line in form.text("terminals").split("\n") if line.strip()]


def _scopes(form: Form) -> frozenset[Scope]:
    words = form.all("scope")
    if any(word not in list(Scope) for word in words):
        raise WrongKey("scopes", f"must be {SCOPE_NAMES}")
    return frozenset(map(Scope, words))


def _again(form: Form, field: str, detail: str) -> KeyForm:
    return KeyForm(form.text("name"), frozenset(form.all("scope")), form.text("terminals"), ((field, detail),))


async def confirm_revocation(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/keys/revoke?name=`: it cannot be undone."""
    name = read_parameters(request.scope["query_string"], ("name",)).text("name")
    return await _confirmation(context, visitor, request, name or "")


async def _confirmation(
    context: DashboardContext, visitor: Visitor, request: Request, name: str, status: int = 200
) -> Response:
    record = await _in_force(context, name)
    now = context.clock()
    lifetimes = context.sessions.lifetimes
    sessions = await context.database.read(_count_sessions(record.hash, now, now - lifetimes.idle))
    is_own = await _is_own(context, visitor, record)
    text = _rendered(context, visitor, "key_revoke.html", record=record, sessions=sessions, is_own=is_own)
    return html(request, text, status)


async def _in_force(context: DashboardContext, name: str) -> KeyRecord:
    """The key in force of a name. Raises `Problem` 404, and 409 for one of the settings."""
    if name in context.ring.fixed_names:
        raise Problem(
            CONFLICT, f"The key {name} comes from HOS_ADMIN_KEY; take it out of the settings and restart to end it."
        )
    for record in await context.database.read(list_keys()):
        if record.key.name == name and record.revoked_at is None:
            return record
    raise Problem(NOT_FOUND, "No key of that name is in force; it may have been revoked already.")


def _count_sessions(key_hash: str, now: int, seen_after: int) -> ReadScript[int]:
    """How many people are signed in with a key."""
    rows = yield Fetch(
        "SELECT count(*) FROM sessions WHERE key_hash = $1 AND ends_at > $2 AND seen_at > $3",
        (key_hash, now, seen_after),
    )
    count: int = rows[0][0]
    return count


async def _is_own(context: DashboardContext, visitor: Visitor, record: KeyRecord) -> bool:
    """Whether it is the key that the visitor signed in with."""
    session = await context.database.read(find_session(hash_token(visitor.token)))
    return session is not None and session.key_hash == record.hash


async def revoke(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/keys/revoke`. One's own key is revoked only from the page that said whose it is."""
    form = form_of(request)
    name = form.get("name") or ""
    if not name:
        raise Problem(INVALID_FIELDS, "Say which key is to be revoked, by its name.")
    record = await _in_force(context, name)
    if form.get("signs-out") is None and await _is_own(context, visitor, record):
        return await _confirmation(context, visitor, request, name, 409)
    if await context.database.write(revoke_key(name, context.clock())):
        log.info("key.revoked", name=name, by=visitor.key.name)
        with suppress(DatabaseUnavailable):  # then it is known half a second later, or stored keys are not trusted
            await context.ring.refresh()
    return back_to("/operations/keys")
