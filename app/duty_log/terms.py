"""On what terms records are written, and how a refusal is told: by item, field and sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from app.db.errors import Withdrawn
from app.duty_log.schema import ItemFault
from app.maven.faults import Fault, point


@dataclass(frozen=True, slots=True)
class Terms:
    """Who writes, and how strictly they are taken."""

    now: int
    """Microseconds since 1970 UTC."""
    account_id: int
    """Of records that name none."""
    is_strict: bool
    """Whether users and assets have to be known already."""
    terminals: frozenset[str] | None = None
    """Terminal codes to whose drivers the writer is limited; None for all."""


class Why(Enum):
    """Why records were refused."""

    UNKNOWN_RECORD = "there is no such record"
    NOT_EDITABLE = "the record cannot be edited any more"
    INVALID = "a field cannot be"


class RecordsRefused(Withdrawn):
    """Nothing of an array was kept. The sentences are VisTracks' where its page has one."""

    def __init__(self, why: Why, faults: Sequence[ItemFault]) -> None:
        super().__init__(faults[0].fault.detail)
        self.why = why
        self.faults = faults


def refused(item: int, field: str, sentence: str) -> ItemFault:
    """The fault of one field of one record."""
    return ItemFault(item, Fault(point([item, field]), sentence))


def unknown_record(record_id: object) -> str:
    """VisTracks' sentence."""
    return f"Cannot find requested driver history. (id = {record_id})"


def unknown_user(user_id: object) -> str:
    """VisTracks' sentence."""
    return f"Cannot find requested user. (id = {user_id})"


def unknown_asset(asset_id: object) -> str:
    """VisTracks' sentence, as its page has it."""
    return f"Cannot find request asset with id = (id = {asset_id})"


ALREADY_EDITED = "Cannot edit a driver history that is already edited or deleted."
NOT_ACTIVE = "Cannot edit a driver history that is not active."
DELETE_UNSUPPORTED = "DELETE is not supported."
