"""A hook on the wire: what may be asked for, and what is wrong with what was asked (contract section 7).

Owns the fields of a hook, their limits, and the sentences for a wrong one. Whether the URL may be dialled is left to
`alerts`, whether a violation matches to `subscriptions`.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError
from pydantic_core import ErrorDetails

from app.hooks.model import Kind
from app.maven import checks
from app.maven.faults import Fault, WrongFields, excerpt, point
from app.outbox.model import TOPIC_WORDS, Topic

T = TypeVar("T", bound=BaseModel)

CHANGES = tuple(TOPIC_WORDS[topic] for topic in Topic if topic <= Topic.REOPENED)
THRESHOLD = TOPIC_WORDS[Topic.THRESHOLD]
DVIR_ADDED = TOPIC_WORDS[Topic.DVIR_ADDED]
INSPECTIONS = (DVIR_ADDED, TOPIC_WORDS[Topic.OPERATION_SUCCEEDED], TOPIC_WORDS[Topic.OPERATION_FAILED])
EVENTS = (*CHANGES, THRESHOLD, *INSPECTIONS)
"""What a hook may ask to be told of."""

MESSAGES = tuple(word for topic, word in TOPIC_WORDS.items() if topic is not Topic.OPERATION)
"""The types of what hooks are sent; an operation is forwarded to connections alone."""

MAX_NAME = 100
MAX_WORD = 1000
MAX_WORDS = 1000
MOST_MINUTES = 9999 * 60 + 59
MOST_AT_LEAST = 1000
MOST_DAYS = 366

_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class WrongHook(WrongFields):
    """A hook, or a change of one, that cannot be."""


def _name(text: str) -> str:
    if not text.isprintable() or text.isspace():
        raise checks.refusal("must be printable, and not blanks alone.")
    return text


def _some(values: tuple[object, ...]) -> tuple[object, ...]:
    if not values:
        raise checks.refusal("must not be empty. Leave it out to have all.")
    return values


def _time_of_day(text: str) -> str:
    if _AT.fullmatch(text) is None:
        raise checks.refusal(f"must be a time of day written HH:MM, 00:00 to 23:59, not {excerpt(text)}.")
    return text


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Word = Annotated[str, Field(min_length=1, max_length=MAX_WORD), AfterValidator(checks.storable)]
_SOME = Field(json_schema_extra={"minItems": 1})
Words = Annotated[tuple[Word, ...], Field(max_length=MAX_WORDS), _SOME, AfterValidator(_some), AfterValidator(_once)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(checks.storable), AfterValidator(_name)]
Event = Literal[
    "violation.created",
    "violation.updated",
    "violation.invalidated",
    "violation.reopened",
    "driver.threshold",
    "dvir_log.added",
    "resource_operation.succeeded",
    "resource_operation.failed",
]
assert get_args(Event) == EVENTS
Events = Annotated[tuple[Event, ...], _SOME, AfterValidator(_some), AfterValidator(_once)]

_CONFIG = ConfigDict(extra="forbid", frozen=True, strict=True)


class HookFilter(BaseModel):
    """Which violations and inspections a hook is told of; what is left out does not narrow. All given must hold."""

    model_config = _CONFIG

    terminalCodes: Words | None = Field(None, description="Terminals of which any may match.")
    types: Words | None = Field(None, description="Types of which any may match.")
    rulesets: Words | None = Field(None, description="Rulesets of which any may match.")
    driverIds: Words | None = Field(None, description="Drivers of which any may match.")
    minDurationMinutes: Annotated[StrictInt, Field(ge=0, le=MOST_MINUTES)] | None = Field(
        None, description="The least duration; a violation without one does not match."
    )
    egregious: StrictBool | None = Field(None, description="Only egregious ones, or only others.")
    safetyCritical: StrictBool | None = Field(
        None, description="Only inspections that are safety-critical, or only others; for `dvir_log.added`."
    )


class Threshold(BaseModel):
    """A pattern: so many active violations that match the filter began in so many days, of one driver."""

    model_config = _CONFIG

    atLeast: Annotated[StrictInt, Field(ge=1, le=MOST_AT_LEAST)] = Field(description="How many violations.")
    withinDays: Annotated[StrictInt, Field(ge=1, le=MOST_DAYS)] = Field(description="In how many days, counted back.")
    per: Literal["driver"] = Field("driver", description="Of whom.")


class Digest(BaseModel):
    """One message a day instead of single alerts."""

    model_config = _CONFIG

    at: Annotated[str, AfterValidator(_time_of_day)] = Field(
        description="Time of day, HH:MM.", json_schema_extra={"pattern": f"^{_AT.pattern}$"}
    )
    zone: Annotated[str, AfterValidator(checks.zone)] = Field(description="Whose time of day: an IANA time zone.")

    def next_after(self, micros: int) -> int:
        """When it is due next after an instant; both in microseconds since 1970 UTC.

        A time of day that a change of clocks leaves out is due as much later; one that comes twice, the first time.
        """
        zone = ZoneInfo(self.zone)
        hour, minute = map(int, self.at.split(":"))
        day = datetime.fromtimestamp(micros // 1_000_000, zone).toordinal()
        while True:
            due = datetime.fromordinal(day).replace(hour=hour, minute=minute, tzinfo=zone)
            found = round(due.timestamp()) * 1_000_000
            if found > micros:
                return found
            day += 1


_URL = "Where to: http or https without user information; the address of an Alertmanager; an Apprise URL."
_KIND = (
    "How. `webhook`: signed as Standard Webhooks has it. `alertmanager`: as alerts of a Prometheus Alertmanager."
    " `apprise`: as a message that people read, by Slack, Teams, e-mail and the rest of what Apprise knows."
)


class NewHook(BaseModel):
    """A hook as it is asked for, all of it."""

    model_config = _CONFIG

    name: Name = Field(description="A name for people, 1 to 100 characters.")
    url: Annotated[str, Field(min_length=1, max_length=2048)] = Field(description=_URL)
    kind: Literal["webhook", "alertmanager", "apprise"] = Field("webhook", description=_KIND)
    events: Events | None = Field(
        None, description="What of; left out: every change of violations, or a threshold alone."
    )
    filter: HookFilter = Field(HookFilter(), description="Of which violations and inspections.")
    threshold: Threshold | None = Field(None, description="The pattern that `driver.threshold` tells of.")
    digest: Digest | None = Field(None, description="Changes once a day, and not one by one.")
    enabled: StrictBool = Field(True, description="Whether it is told.")

    @property
    def asked_events(self) -> tuple[str, ...]:
        """What it is told of."""
        if self.events is not None:
            return self.events
        return CHANGES if self.threshold is None else (THRESHOLD,)


class HookChanges(BaseModel):
    """What of a hook is to be otherwise. A field that is left out stays as it is."""

    model_config = _CONFIG

    name: Name = ""
    url: Annotated[str, Field(min_length=1, max_length=2048)] = ""
    events: Events = ()
    filter: HookFilter = HookFilter()
    threshold: Threshold | None = None
    digest: Digest | None = None
    enabled: StrictBool = True


class Range(BaseModel):
    """A time, by which changes were received."""

    model_config = _CONFIG

    from_: str = Field(alias="from")
    to: str


class Rotation(BaseModel):
    """How a secret is replaced."""

    model_config = _CONFIG

    graceHours: Annotated[StrictInt, Field(ge=0, le=168)] = Field(
        24, description="How long the old secret signs along; 0 when it was given away."
    )


def read_body(model: type[T], body: bytes) -> T:
    """A JSON body as `model`. Raises `WrongHook`."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=True)
    if found[0]["type"] == "json_invalid":
        raise WrongHook([Fault("", "is not JSON.")], is_json=False)
    raise WrongHook([Fault(_pointer(one), _sentence(one, model)) for one in found])


def check_whole(hook: NewHook) -> None:
    """Raises `WrongHook` where the fields of a hook contradict each other."""
    faults = []
    if hook.threshold is not None and THRESHOLD not in hook.asked_events:
        faults.append(Fault("/events", f"must have {THRESHOLD} in it where there is a threshold."))
    if hook.threshold is None and THRESHOLD in hook.asked_events:
        faults.append(Fault("/threshold", f"is required where events has {THRESHOLD} in it."))
    if hook.digest is not None and hook.kind == Kind.ALERTMANAGER.word:
        faults.append(Fault("/digest", "is not for an Alertmanager, which groups alerts itself."))
    if hook.digest is not None and not set(hook.asked_events) & set(CHANGES):
        faults.append(Fault("/events", "must have a change of violations in it where there is a digest."))
    if hook.threshold is not None and hook.kind == Kind.ALERTMANAGER.word:
        faults.append(Fault("/threshold", "is not for an Alertmanager, whose alerts stand for violations."))
    if hook.kind == Kind.ALERTMANAGER.word and set(hook.asked_events) & set(INSPECTIONS):
        told = "must have nothing of inspections in it for an Alertmanager, whose alerts stand for violations."
        faults.append(Fault("/events", told))
    if hook.filter.safetyCritical is not None and DVIR_ADDED not in hook.asked_events:
        faults.append(Fault("/filter/safetyCritical", f"is only for hooks that have {DVIR_ADDED} in events."))
    if faults:
        raise WrongHook(faults)


def _pointer(error: ErrorDetails) -> str:
    return point(part for part in error["loc"] if part != "function-after")


def _sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    context: Mapping[str, object] = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is required."
        case "extra_forbidden":
            return f"is not known. The fields here are {', '.join(_known(error, model))}."
        case "string_too_long" | "string_too_short" | "too_long":
            return f"has a wrong length: {_lower(error['msg'])}."
        case "model_type" | "dict_type" | "model_attributes_type":
            return "must be an object."
        case checks.REFUSED:
            return str(error["msg"])
        case "literal_error":
            return f"must be {context.get('expected')}."
    return f"{_lower(error['msg']).replace('input should be', 'must be')}."


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _known(error: ErrorDetails, model: type[BaseModel]) -> list[str]:
    inner: dict[str, type[BaseModel]] = {"filter": HookFilter, "threshold": Threshold, "digest": Digest}
    asked = inner.get(str(error["loc"][0]), model) if len(error["loc"]) > 1 else model
    return [field.alias or name for name, field in asked.model_fields.items()]
