"""One attempt to deliver: what is owed, made into what the hook's kind is sent, and sent (contract section 7).

A webhook is told the change, as it was. An Alertmanager is told the violation as it is now, whatever the change was: so
an alert is right however late, and resolved when the violation no longer matches. What it was told is noted, for it has
to be told again, and the same labels to resolve. Retrying and recording are left to `worker`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from app.alerts.alertmanager import firing, labels_of, resolved, test_alert
from app.alerts.contents import Contents, MessageIds, message_body
from app.alerts.forwarding import Forwarder
from app.alerts.inspection_messages import inspection_message, operation_message
from app.alerts.messages import Message, change_message, digest_message, test_message, threshold_message
from app.alerts.rules import Along, Attempt, Verdict
from app.alerts.sending import Sender
from app.db.database import Database
from app.db.statements import Dialect, ReadScript, WriteScript
from app.hooks.firing import Firing, find_firing, forget_firing, note_firing
from app.hooks.model import Kind
from app.hooks.store import Hook
from app.hooks.subscriptions import Matcher, Traits
from app.inspections.connections import connection_name
from app.inspections.operation import find_operation
from app.inspections.reading import report_as_sent
from app.maven.events import read_data, read_stored
from app.maven.times import SECOND
from app.outbox.model import Topic
from app.outbox.store import Due
from app.violations.moments import Present, present_violations

FIRES_FOR = 25 * 3600 * SECOND
"""How far ahead an alert's end is, microseconds: an Alertmanager that hears nothing keeps it for a day."""

PURGED = Attempt("purged", detail="The violation that it would tell of was deleted.")


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert about a violation, and what to note once an Alertmanager has it."""

    documents: list[dict[str, object]]
    along: Along


class Deliverer:
    """Delivers by every kind."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        ids: MessageIds,
        clock: Callable[[], int],
        link_of: Callable[[str], str | None],
    ) -> None:
        self._database = database
        self._sender = sender
        self.ids = ids
        self._clock = clock
        self._link_of = link_of
        self.contents = Contents(database)
        self.forwarder = Forwarder(database, sender, clock)

    async def attempt(self, hook: Hook, due: Due) -> tuple[Attempt, Along | None]:
        """Tries once, and says what else to note when it succeeded. Raises `DatabaseUnavailable`."""
        match hook.kind:
            case Kind.WEBHOOK:
                return await self._post(hook, due), None
            case Kind.APPRISE:
                return await self._notify(hook, due), None
            case Kind.ALERTMANAGER:
                return await self._alert(hook, due)
            case Kind.CONNECTION:
                return await self.forwarder.forward(hook, due)

    async def _post(self, hook: Hook, due: Due) -> Attempt:
        if due.seq is None:
            body = message_body(due.topic, due.created_at, due.body or b"null")
        else:
            told = await self.contents.find(due.seq)
            if told is None:
                return PURGED
            body = told.body
        return await self._sender.post_webhook(hook, self.ids.of(hook.pk, due.pk, due.seq), body)

    async def _notify(self, hook: Hook, due: Due) -> Attempt:
        message = await self._message(hook, due)
        return PURGED if message is None else await self._sender.notify(hook, message)

    async def _message(self, hook: Hook, due: Due) -> Message | None:
        if due.seq is None:
            return await self._own_message(hook, due)
        told = await self.contents.find(due.seq)
        if told is None:
            return None
        moment = told.moment
        link = self._link_of(moment.violation_id)
        return change_message(moment.outcome, read_data(moment.payload), moment.state.invalidated_at, link)

    async def _own_message(self, hook: Hook, due: Due) -> Message:
        """The message of a delivery that has its data with it."""
        data = orjson.loads(due.body or b"{}")
        match due.topic:
            case Topic.TEST:
                return test_message(hook.name)
            case Topic.THRESHOLD:
                return threshold_message(data, None)
            case Topic.DVIR_ADDED:
                sent = await self._database.read(report_as_sent(data["id"]))
                return inspection_message(data, data if sent is None else sent)
            case Topic.OPERATION_SUCCEEDED | Topic.OPERATION_FAILED:
                name, why = await self._database.read(_operation_end(data))
                return operation_message(data, name, why)
        return digest_message(data, None)

    async def _alert(self, hook: Hook, due: Due) -> tuple[Attempt, Along | None]:
        if due.violation_pk is None:
            return await self._sender.post_alerts(hook, [test_alert(hook.name, now=self._clock())]), None
        present, known = await self._database.read(_alert_state(self._database.dialect, hook.pk, due.violation_pk))
        alert = self.alert_of(hook, due.violation_pk, present, known)
        if alert is None:
            return PURGED, None
        attempt = await self._sender.post_alerts(hook, alert.documents)
        return attempt, alert.along if attempt.is_success else None

    def alert_of(self, hook: Hook, violation_pk: int, present: Present | None, known: Firing | None) -> Alert | None:
        """What to tell an Alertmanager of a violation; None when there is nothing to tell."""
        now = self._clock()
        documents: list[dict[str, object]] = []
        fires: Firing | None = None
        if present is not None:
            event = read_stored(present.payload)
            data = event.data
            labels = labels_of(data)
            starts_at = min(now, data.startTime or data.eventTime)
            if present.invalidated_at is None and Matcher(hook.filter).matches(Traits.of(event.facts)):
                fires = Firing(violation_pk, labels, starts_at, now)
                link = self._link_of(data.id)
                documents.append(firing(data, now=now, ends_at=now + FIRES_FOR, link=link))
            elif known is None:
                # It may have been told by another hook, or before what we noted was lost.
                documents.append(resolved(labels, starts_at, ended_at=now))
        if known is not None and (fires is None or known.labels != fires.labels):
            documents.append(resolved(known.labels, known.starts_at, ended_at=now))
        if not documents:
            return None
        dialect = self._database.dialect

        def note(verdict: Verdict) -> WriteScript[None]:
            if fires is None:
                return forget_firing(dialect, hook.pk, [violation_pk])
            return note_firing(hook.pk, fires)

        return Alert(documents, note)


def _operation_end(data: Mapping[str, str]) -> ReadScript[tuple[str | None, str | None]]:
    """The name of an operation's connection, and why its last try failed; None for what is not known any more."""
    name = yield from connection_name(data["connection_id"])
    operation = yield from find_operation(data["connection_id"], data["id"])
    return name, operation.logs[-1].error_details if operation is not None and operation.logs else None


def _alert_state(dialect: Dialect, hook_pk: int, violation_pk: int) -> ReadScript[tuple[Present | None, Firing | None]]:
    present = yield from present_violations(dialect, [violation_pk])
    known = yield from find_firing(hook_pk, violation_pk)
    return present.get(violation_pk), known
