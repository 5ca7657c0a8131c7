"""What the pages work with, handed over once when the application is put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from starlette.types import Scope as AsgiScope

from app.alerts.delivery_desk import DeliveryDesk
from app.alerts.desk import HookDesk
from app.db.database import Database
from app.ingest.writer import Writer
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope
from app.query.context import QueryContext
from app.sessions.book import SessionBook
from app.web.problems import UNAUTHENTICATED, Problem

if TYPE_CHECKING:
    from app.dashboard.gate import Visitor
    from app.dashboard.single_sign_on import Door


@dataclass(frozen=True, slots=True)
class DashboardContext:
    """The collaborators of the pages."""

    query: QueryContext
    """As the reading endpoints have it; its `authenticate` takes API keys and is not for pages."""
    sessions: SessionBook
    ring: KeyRing
    hooks: HookDesk
    writer: Writer
    clock: Callable[[], int]
    """The present, in microseconds since 1970 UTC."""
    zones: Mapping[str, ZoneInfo]
    """Time zones of terminals, by terminal code."""
    public_url: str | None
    """Where browsers reach the pages, if it was said."""
    door: "Door | None"
    """Where people sign in who have no key; None without single sign-on."""
    version: str

    @property
    def database(self) -> Database:
        return self.query.database

    def query_of(self, visitor: "Visitor") -> QueryContext:
        """The context of reading endpoints for one visitor: what goes on for long is judged by the session again."""

        def judge(scope: AsgiScope, needed: Scope) -> ApiKey:
            held = self.sessions.held_now(visitor.token)
            if held is None or not held.may(needed):
                raise Problem(UNAUTHENTICATED, "The sign-in is over.")
            return held

        return replace(self.query, authenticate=judge)

    @property
    def deliveries(self) -> DeliveryDesk:
        return DeliveryDesk(self.hooks)
