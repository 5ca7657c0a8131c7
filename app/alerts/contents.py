"""What webhooks are sent: the message of a delivery, and the id by which its receiver knows it again.

A message that tells a change shows the violation as it stood just after it, on the first try as on the last. Messages
are kept for a while, because one change is often owed to many hooks. Contract section 7; Standard Webhooks.
"""

import base64
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b

from app.db.database import Database
from app.maven.times import format_time
from app.outbox.model import Topic
from app.outbox.store import Due
from app.violations.moments import Moment, moments_of
from app.violations.schema import render_violation

KEPT_MESSAGES = 2000
LONGEST_KEPT = 16 * 1024
"""Bytes of a payload; what is longer is read again when it is needed again."""
_ID_BYTES = 18


class MessageIds:
    """Ids of messages: the same for the same change and hook, however often it is sent; they tell nothing of either."""

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key=key, person=b"hos-message-id").digest()

    def of(self, hook_pk: int, delivery_pk: int, seq: int | None) -> str:
        """The header `webhook-id` of a delivery. One that replays the change of event `seq` has that of the first."""
        what, number = (b"delivery", delivery_pk) if seq is None else (b"change", seq)
        digest = blake2b(b"%b:%d:%d" % (what, hook_pk, number), key=self._key, digest_size=_ID_BYTES).digest()
        return "msg_" + base64.urlsafe_b64encode(digest).decode("ascii")


class Told:
    """A change to be told, and its webhook's body once that is made."""

    __slots__ = ("_body", "moment")

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """`{"type", "timestamp", "data": <Violation>}`."""
        if self._body is None:
            violation = render_violation(self.moment.payload, self.moment.state)
            self._body = message_body(Topic(self.moment.outcome), self.moment.at, violation)
        return self._body


def message_body(topic: Topic, at: int, data: bytes) -> bytes:
    """A message of Standard Webhooks about `data`, JSON; `at` is in microseconds since 1970 UTC."""
    return b'{"type":"%b","timestamp":"%b","data":%b}' % (topic.word.encode(), format_time(at).encode(), data)


class Contents:
    """Reads the changes that deliveries tell of, many at a time, and keeps them for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[int, Told] = OrderedDict()

    async def prepare(self, dues: Iterable[Due]) -> None:
        """Reads what these deliveries will need, in one query. Raises `DatabaseUnavailable`."""
        wanted = {due.seq for due in dues if due.seq is not None} - self._kept.keys()
        if wanted:
            await self._read(wanted)

    async def find(self, seq: int) -> Told | None:
        """The change that event `seq` was; None when the violation is gone. Raises `DatabaseUnavailable`."""
        told = self._kept.get(seq)
        if told is None:
            return (await self._read({seq})).get(seq)
        self._kept.move_to_end(seq)
        return told

    async def _read(self, seqs: set[int]) -> dict[int, Told]:
        found = await self._database.read(moments_of(self._database.dialect, sorted(seqs)))
        told = {moment.seq: Told(moment) for moment in found}
        for seq, one in told.items():
            if len(one.moment.payload) <= LONGEST_KEPT:
                self._kept[seq] = one
        while len(self._kept) > KEPT_MESSAGES:
            self._kept.popitem(last=False)
        return told
