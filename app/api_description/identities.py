"""The description of drivers' identities: who a driver is in the other systems."""

from openapi_pydantic import Operation, Parameter, PathItem, RequestBody

from app.api_description.hook_schemas import asked
from app.api_description.hooks import Answers, body_answers
from app.api_description.pieces import (
    JSON_TYPE,
    JsonSchema,
    answer,
    content,
    exact_object,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.reading import reading_answers
from app.api_description.shared import ADMIN, NO_NUL, READER, problem_answer
from app.driver_histories.identity import MAX_BODY_BYTES, PATH
from app.identities.schema import GivenDriver, shown_identity
from app.identities.store import Identity
from app.web.problems import CONFLICT

TAG = "Identities"
TAG_TEXT = "Who a driver is in Maven, VisTracks and Catena."

_GET = """\
Where no identity has the driver's id, it is the one user whose username is written the same: `matchedBy` says by which
of them it was found. A key that is limited to terminals sees identities whose `terminalCode` is one of them."""

_PUT = """\
Replaces all fields: what is left out, null or empty is null afterwards. A `userId` or `catenaDriverId` of somebody who
is known by a first record alone, or who has no id that contradicts, makes one driver of the two. Not for keys that are
limited to terminals. The body may have a `driverId` too, which is then that of the path."""

_IDENTITY = Identity(
    pk=1,
    driver_id="JDOE123",
    user_id=1234,
    username="jdoe@example.com",
    catena_driver_id="5f0d6a1c-7a53-4c0b-9a57-6a0f3a0f1b7e",
    first_name="Jane",
    last_name="Doe",
    terminal_code="PGH",
    time_zone="America/New_York",
    day_start_hour=0,
    ruleset="USA_PROPERTY_70_8",
)


def paths() -> dict[str, PathItem]:
    """Identities, one at a time."""
    return {PATH: PathItem(get=_get(), put=_put())}


def identity_schemas() -> dict[str, JsonSchema]:
    """Identities as they are asked for and as they are shown."""
    given = asked(GivenDriver)
    members = given["properties"]
    assert isinstance(members, dict)
    number: JsonSchema = {
        "type": ["integer", "null"],
        "format": "int64",
        "description": members["userId"]["description"],
    }
    members = {**members, "userId": number}
    matched = {
        "type": "string",
        "enum": ["driverId", "username"],
        "description": "Which of them is the id of the path.",
    }
    return {
        "NewIdentity": {**given, "description": "Who a driver is, as a whole.", "properties": members},
        "Identity": exact_object({**members, "matchedBy": matched}, "Who a driver is; null for what is not known."),
    }


def example() -> dict[str, object]:
    """An identity as it is put."""
    return {name: value for name, value in shown_identity(_IDENTITY).items() if name != "driverId" and value}


def _shown() -> dict[str, object]:
    return {**shown_identity(_IDENTITY), "matchedBy": "driverId"}


def _driver_id() -> Parameter:
    told = "The driver's id, percent-encoded; any text of 1 to 255 characters."
    return parameter("path", "driverId", told, {"type": "string", "minLength": 1, "pattern": NO_NUL}, example="JDOE123")


def _get() -> Operation:
    found = answer("The identity.", content(JSON_TYPE, schema_ref("Identity"), one=_shown()))
    answers: Answers = {"200": found, **reading_answers("404")}
    return operation("getIdentity", TAG, "Ask who a driver is", _GET, answers, READER, [_driver_id()])


def _put() -> Operation:
    path = PATH.format(driverId="JDOE123")
    shown = content(JSON_TYPE, schema_ref("Identity"), one=_shown())
    conflict = 'userId 1234 belongs to another driver: driverId "RROE456", userId 1234.'
    answers: Answers = {
        "200": answer("The identity as it is now.", shown),
        "201": answer("The identity, which was not known before.", shown),
        **reading_answers(),
        "409": problem_answer("An id belongs to another driver.", CONFLICT, conflict, path),
        **body_answers(path, "/logDayStart", 'must be midnight or noon, not "6".', MAX_BODY_BYTES),
    }
    described = operation("putIdentity", TAG, "Say who a driver is", _PUT, answers, ADMIN, [_driver_id()])
    described.requestBody = RequestBody(
        required=True,
        description=f"At most {MAX_BODY_BYTES} bytes. Gzip is taken too, as a `Content-Encoding`.",
        content=content(JSON_TYPE, schema_ref("NewIdentity"), one=example()),
    )
    return described
