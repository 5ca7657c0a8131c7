"""What every reading endpoint works with, handed over once when the application is put together."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Scope

from app.db.database import Database
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.watch import ChangeWatch
from app.violations.schema import Renderer
from app.web.cursors import CursorSeal
from app.web.metrics import Metrics
from app.web.middleware import Stopping


@dataclass(frozen=True, slots=True)
class QueryContext:
    """The collaborators of the reading endpoints."""

    database: Database
    cursors: CursorSeal
    clock: Callable[[], int]
    """The present, in microseconds since 1970 UTC."""
    stopping: Stopping
    authenticate: Callable[[Scope, KeyScope], ApiKey]
    """The key that a request presents, which has the scope. Raises `Problem` 401 or 403."""
    watch: ChangeWatch
    metrics: Metrics
    renderer: Renderer = field(default_factory=Renderer)
