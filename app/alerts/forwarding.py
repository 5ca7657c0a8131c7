"""An inspection forwarded to a provider: one POST, what it says, and what is noted of it (contract section 10).

A 2xx with an `id` is success, and that id the report's at the provider; a 4xx but 429 is a refusal for good; anything
else is tried again as hooks are, by whoever retries. The operation's id goes along as `Idempotency-Key`, the same on
every try.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import uuid4

import orjson
import structlog

from app.alerts.rules import Along, Attempt, Verdict
from app.alerts.sending import Sender
from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import WriteScript
from app.dialling.client import Answer
from app.hooks.store import Hook, connection_hook
from app.inspections.connections import connection_of_hook
from app.inspections.operations import REMOVED, Attempted, note_attempt, removed
from app.inspections.words import OperationStatus
from app.outbox.model import Status
from app.outbox.store import Due

log = structlog.get_logger(__name__)

TRY_AGAIN = 429
"""The one 4xx that is no refusal."""
MOST_HEADERS = 50
MOST_HEADER_BYTES = 8192
"""Of an answer's headers that are kept."""
SECRET_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "www-authenticate"})
MOST_SOURCE_ID = 255
WAIT_SECONDS = 8.0
"""How long somebody who waits for a provider waits."""
CRASHED = "Something went wrong here; the log has more."
TOO_SLOW = "The provider did not answer in time; whether it has the report is not known."

_STATUSES = {
    Status.PENDING: OperationStatus.PENDING,
    Status.SUCCEEDED: OperationStatus.SUCCESS,
    Status.FAILED: OperationStatus.FAILED,
    Status.DEAD: OperationStatus.FAILED,
}


class Forwarder:
    """Forwards operations, by the worker or at once."""

    def __init__(self, database: Database, sender: Sender, clock: Callable[[], int]) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock

    async def forward(self, hook: Hook, due: Due) -> tuple[Attempt, Along]:
        """Tries what the outbox owes once. Raises `DatabaseUnavailable`."""
        owed = orjson.loads(due.body or b"{}")
        at = self._clock()
        try:
            attempt, attempted = await self.try_once(hook, owed["operation"], owed["payload"])
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("delivery.crashed", hook=hook.id, delivery=due.pk)
            attempt = Attempt("crashed", detail=CRASHED)
            attempted = Attempted(at, is_success=False, error_type="crashed", error_details=CRASHED)
        dialect = self._database.dialect

        def note(verdict: Verdict) -> WriteScript[None]:
            return note_attempt(dialect, owed["operation"], attempted, _STATUSES[verdict.status], self._clock())

        return attempt, note

    async def forward_now(self, hook_pk: int, operation_id: str, payload: Mapping[str, object]) -> Attempted:
        """Tries an operation that somebody waits for, once. Raises `DatabaseUnavailable`."""
        at = self._clock()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                hook = await self._hook(hook_pk)
                if hook is None:
                    return removed(at)
                _, attempted = await self.try_once(hook, operation_id, payload)
                return attempted
        except TimeoutError:
            return Attempted(at, is_success=False, error_type="timeout", error_details=TOO_SLOW)

    async def post_nothing(self, hook_pk: int) -> Attempt:
        """Posts an empty object: any answer shows that a provider is reached. Raises `DatabaseUnavailable`."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                hook = await self._hook(hook_pk)
                if hook is None:
                    return Attempt("rejected", detail=REMOVED)
                attempt, _ = await self._sender.forward(hook, f"test-{uuid4()}", b"{}")
                return attempt
        except TimeoutError:
            return Attempt("timeout", detail=f"No answer within {WAIT_SECONDS:g} s.", seconds=WAIT_SECONDS)

    async def _hook(self, hook_pk: int) -> Hook | None:
        return await self._database.read(connection_hook(hook_pk))

    async def try_once(self, hook: Hook, operation_id: str, payload: Mapping[str, object]) -> tuple[Attempt, Attempted]:
        """One POST. Raises `DatabaseUnavailable`."""
        at = self._clock()
        connection = await self._database.read(connection_of_hook(hook.pk))
        if connection is None or connection.deleted_at is not None:
            return Attempt("rejected", detail=REMOVED), removed(at)
        body = orjson.dumps(mapped(payload, connection.mapping))
        attempt, answer = await self._sender.forward(hook, operation_id, body)
        source_id = None if answer is None else source_id_of(answer)
        if attempt.detail is not None:
            attempt = replace(attempt, detail=attempt.detail.replace("The receiver", "The provider", 1))
        if attempt.is_success and source_id is None:
            attempt = replace(attempt, outcome="protocol", detail="The provider's answer has no id.")
        elif 400 <= (attempt.response_status or 0) < 500 and attempt.response_status != TRY_AGAIN:
            attempt = replace(attempt, outcome="rejected", retry_after=None)
        return attempt, Attempted(
            at,
            attempt.is_success,
            response_status_code=None if answer is None else answer.status,
            response_headers=None if answer is None else kept_headers(answer.headers),
            error_type=None if attempt.is_success else attempt.outcome,
            error_details=None if attempt.is_success else attempt.detail,
            source_id=source_id if attempt.is_success else None,
        )


def mapped(payload: Mapping[str, object], mapping: Mapping[str, str | None]) -> dict[str, object]:
    """The payload with the provider's names; what has none is left out. A further field that has a name which the
    mapping gives gives way.
    """
    renamed = {name: mapping.get(name, name) for name in payload}
    given = {new for name, new in renamed.items() if name in mapping}
    return {
        new: payload[name] for name, new in renamed.items() if new is not None and (name in mapping or new not in given)
    }


def source_id_of(answer: Answer) -> str | None:
    """The id that a provider gave, a string or a whole number, in the body `{"id": …}` of a 2xx."""
    if not 200 <= answer.status < 300 or answer.is_cut:
        return None
    try:
        found = json.loads(answer.body)  # takes whole numbers of any size
    except (ValueError, RecursionError):
        return None
    value = found.get("id") if isinstance(found, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    is_good = 1 <= len(text) <= MOST_SOURCE_ID and text.isprintable()
    return text if is_good else None


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer as they are kept: some, and none that is a secret."""
    kept: dict[str, str] = {}
    room = MOST_HEADER_BYTES
    for name, value in list(headers.items())[:MOST_HEADERS]:
        room -= len(name) + len(value)
        if name in SECRET_HEADERS or room < 0:
            continue
        kept[_printable(name)] = _printable(value)
    return kept


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
