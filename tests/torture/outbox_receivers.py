"""Receivers of hooks that fail at random, and what they were sent.

Every message is refused at most once: the next try is after five seconds, the one after that after five minutes. What
comes is verified by the Standard Webhooks library at once, and its history judged when all has come.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.alerts.alerted import verified
from tests.dialling.answering import Request, http

HANG_SECONDS = 20.0
"""Longer than a hook is waited for."""


class Change(NamedTuple):
    """A change of a violation, as it is told."""

    violation_id: str
    revision: int
    type: str


class Try(NamedTuple):
    """One attempt to tell of a change."""

    change: Change
    message_id: str
    is_accepted: bool


@dataclass(eq=False)
class Receiver:
    """What one hook tells, and to whom. `moods` are the ways to fail, `share` is how often."""

    name: str
    asked: dict[str, object]
    """The hook's events and filter."""
    chance: random.Random
    secret: str = ""
    share: float = 0.0
    moods: Sequence[str] = ("500",)
    tries: list[Try] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    async def take(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection goes on."""
        message_id = request.headers["webhook-id"]
        try:
            message: Mapping[str, Any] = verified(request, self.secret)
        except Exception as error:  # whatever the library raises
            self.faults.append(f"{message_id}: {error!r}")
            writer.write(http(200))
            return True
        change = Change(message["data"]["id"], message["data"]["revision"], message["type"])
        is_refused = message_id not in self.refused and self.chance.random() < self.share
        self.tries.append(Try(change, message_id, not is_refused))
        if not is_refused:
            writer.write(http(200 if self.chance.random() < 0.5 else 204))
            return self.chance.random() < 0.95
        self.refused.add(message_id)
        return await self._refuse(self.chance.choice(self.moods), writer)

    async def _refuse(self, mood: str, writer: asyncio.StreamWriter) -> bool:
        match mood:
            case "hang":
                await asyncio.sleep(HANG_SECONDS)
                return False
            case "close":
                return False
            case "cut":
                writer.write(http(200, b"x" * 100)[:-60])
                return False
            case "429":
                writer.write(http(429, b"", "Retry-After: 2"))
            case status:
                writer.write(http(int(status)))
        return True

    def has_all(self, wanted: Sequence[Change]) -> bool:
        """Whether every one of these changes was accepted."""
        return {one.change for one in self.tries if one.is_accepted} >= set(wanted)

    def judge(self, wanted: Sequence[Change]) -> None:
        """Asserts that these changes, in the order of their commits, and no others were told as promised."""
        assert not self.faults, f"{self.name} cannot verify {self.faults[:3]}"
        accepted = {one.change for one in self.tries if one.is_accepted}
        foreign = accepted.union(one.change for one in self.tries) - set(wanted)
        assert not foreign, f"{self.name} was told what it did not ask for: {sorted(foreign)[:3]}"
        missing = set(wanted) - accepted
        assert not missing, f"{self.name} was not told {len(missing)} of {len(wanted)}: {sorted(missing)[:3]}"
        self._judge_ids()
        self._judge_order(wanted)

    def _judge_ids(self) -> None:
        change_of: dict[str, Change] = {}
        id_of: dict[Change, str] = {}
        for one in self.tries:
            assert change_of.setdefault(one.message_id, one.change) == one.change, f"{one.message_id} told two things"
            assert id_of.setdefault(one.change, one.message_id) == one.message_id, f"{one.change} came under two ids"

    def _judge_order(self, wanted: Sequence[Change]) -> None:
        """No change is tried for the first time before the one before it, of its violation, was accepted."""
        before: dict[Change, Change] = {}
        last: dict[str, Change] = {}
        for change in wanted:
            if change.violation_id in last:
                before[change] = last[change.violation_id]
            last[change.violation_id] = change
        accepted: set[Change] = set()
        seen: set[Change] = set()
        for one in self.tries:
            if one.change not in seen and one.change in before:
                assert before[one.change] in accepted, f"{self.name}: {one.change} came before {before[one.change]}"
            seen.add(one.change)
            if one.is_accepted:
                accepted.add(one.change)
