"""The description of `/v1/hooks` and what is under it."""

from collections.abc import Mapping

from openapi_pydantic import MediaType, Operation, Parameter, PathItem, Reference, RequestBody, Response

from app.alerts.delivery_desk import MOST_REPLAYED
from app.alerts.desk import MOST_SECRETS
from app.alerts.routes import MAX_BODY_BYTES
from app.api_description import examples, hook_examples
from app.api_description.hook_examples import HOOK_PATH
from app.api_description.pieces import (
    JSON_TYPE,
    PROBLEM_TYPE,
    answer,
    content,
    header,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.reading import reading_answers
from app.api_description.shared import ADMIN, cursor_parameter, limit_parameter, problem_answer
from app.outbox.model import Status
from app.web.problems import (
    CONFLICT,
    INVALID_FIELDS,
    INVALID_JSON,
    INVALID_PARAMETER,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
)

TAG = "Hooks"
PATH = "/v1/hooks"
ONE = f"{PATH}/{{id}}"
DELIVERIES = f"{ONE}/deliveries"
DELIVERY = f"{DELIVERIES}/{{deliveryId}}"

Answers = dict[str, Response | Reference]

_CREATE = """\
From now on it is told of changes. Of the kind `webhook` the answer has the `secret` that signs: it is shown this once.

The host of the URL is looked up: each of its addresses must be public, or in HOS_HOOK_ALLOWED_NETWORKS. A name that
cannot be resolved today may be tomorrow and is taken. The same is judged again at every dial.

Left out, `events` are all changes of violations, or `driver.threshold` alone where there is a `threshold`. With a
`digest` changes are told once a day and not one by one. Inspections are told of where `events` names them, each at
once; an Alertmanager cannot be told of them."""

_REPLAY = f"""\
Makes new deliveries of the changes of violations received in a time, both ends included, that the hook is for today,
whether they were delivered or not; inspections are not replayed. Their `webhook-id` is that of the first time. A time
of more than {MOST_REPLAYED:,} changes is refused: take a part of it."""

_LIST = """\
Newest first. Deliveries that ended are kept for HOS_HOOK_RETENTION_DAYS."""


def paths() -> dict[str, PathItem]:
    """Hooks and their deliveries."""
    return {
        PATH: PathItem(get=_list(), post=_create()),
        ONE: PathItem(get=_get(), patch=_change(), delete=_delete()),
        f"{ONE}/test": PathItem(post=_test()),
        f"{ONE}/rotate-secret": PathItem(post=_rotate()),
        f"{ONE}/replay": PathItem(post=_replay()),
        DELIVERIES: PathItem(get=_deliveries()),
        DELIVERY: PathItem(get=_delivery()),
        f"{DELIVERY}/retry": PathItem(post=_retry()),
    }


def _id() -> Parameter:
    return parameter("path", "id", "The hook's id.", {"type": "string", "minLength": 1}, example=hook_examples.HOOK_ID)


def _delivery_id() -> Parameter:
    shape = {"type": "string", "minLength": 1}
    return parameter("path", "deliveryId", "The delivery's id.", shape, example=hook_examples.DELIVERY_ID)


def _said(description: str, schema: str, example: examples.JsonObject) -> Response:
    return answer(description, content(JSON_TYPE, schema_ref(schema), one=example))


def _list() -> Operation:
    listed = _said("A page of hooks.", "HookPage", examples.listed(hook_examples.hook()))
    told = "In the order they were made. No secret is ever in them. Not for keys that are limited to terminals."
    answers: Answers = {"200": listed, **reading_answers()}
    return operation("listHooks", TAG, "List hooks", told, answers, ADMIN, [limit_parameter(), cursor_parameter()])


def _create() -> Operation:
    location = header("Path of the hook.", {"type": "string"})
    body = content(JSON_TYPE, schema_ref("CreatedHook"), one=hook_examples.created_hook())
    refused = "The address 192.168.0.7 may not be dialled: it is private, and not in HOS_HOOK_ALLOWED_NETWORKS"
    made = answer("It is made.", body, {"location": location})
    answers: Answers = {"201": made, **reading_answers(), **body_answers(PATH, "/url", refused)}
    described = operation("createHook", TAG, "Make a hook", _CREATE, answers, ADMIN)
    described.requestBody = _body(
        "NewHook",
        webhook=hook_examples.new_webhook(),
        alertmanager=hook_examples.new_alertmanager(),
        threshold=hook_examples.new_threshold(),
        digest=hook_examples.new_digest(),
        inspections=hook_examples.new_inspections(),
    )
    return described


def _get() -> Operation:
    answers: Answers = {"200": _said("The hook.", "Hook", hook_examples.hook()), **reading_answers("404")}
    return operation("getHook", TAG, "Get one hook", "With how it fares.", answers, ADMIN, [_id()])


def _change() -> Operation:
    answers: Answers = {
        "200": _said("As it is now.", "Hook", hook_examples.changed_hook()),
        **reading_answers("404"),
        "409": _conflict(
            "Others change it at the same time.",
            HOOK_PATH,
            "Others change this hook at the same time. Look at it and try again.",
        ),
        **body_answers(HOOK_PATH, "/digest", "is not for an Alertmanager, which groups alerts itself."),
    }
    told = (
        "What is left out stays; null takes a `threshold` or `digest` away; a `filter` takes the place of the whole old"
        ' one. `{"enabled": true}` revives a hook that was disabled, and what waits for it is tried at once. The `kind`'
        " cannot be changed."
    )
    described = operation("changeHook", TAG, "Change a hook", told, answers, ADMIN, [_id()])
    described.requestBody = _body(
        "HookChanges",
        revive={"enabled": True},
        digest={"digest": hook_examples.new_digest()["digest"]},
        filter={"filter": {"types": ["shift_drive"]}},
    )
    return described


def _delete() -> Operation:
    answers: Answers = {"204": answer("It is gone."), **reading_answers("404")}
    told = "Its deliveries go with it, also those that wait. An Alertmanager forgets its alerts within a day or so."
    return operation("deleteHook", TAG, "Delete a hook", told, answers, ADMIN, [_id()])


def _test() -> Operation:
    tested = _said("How it went: see `status`.", "HookDelivery", hook_examples.tested_delivery())
    answers: Answers = {"200": tested, **reading_answers("404")}
    told = "Sends a message that tells of no violation, now and once, also to a hook that is disabled."
    return operation("testHook", TAG, "Test a hook", told, answers, ADMIN, [_id()])


def _rotate() -> Operation:
    path = f"{HOOK_PATH}/rotate-secret"
    answers: Answers = {
        "200": _said("The new secret.", "NewSecret", hook_examples.new_secret()),
        **reading_answers("404"),
        "409": _conflict(
            f"The hook is no webhook, or {MOST_SECRETS} secrets sign already.",
            path,
            "A hook of kind alertmanager has no secret to sign with.",
        ),
        **body_answers(path, "/graceHours", "must be less than or equal to 168."),
    }
    told = "The old one signs along for `graceHours`; receivers take a message when one of its signatures fits."
    described = operation("rotateSecret", TAG, "Replace the secret", told, answers, ADMIN, [_id()])
    described.requestBody = _body("SecretRotation", is_required=False, givenAway={"graceHours": 0})
    return described


def _replay() -> Operation:
    path = f"{HOOK_PATH}/replay"
    answers: Answers = {
        "202": _said("They are under way.", "Replay", {"deliveries": 1}),
        **reading_answers("404"),
        **body_answers(path, "/to", "must not be before from."),
    }
    described = operation("replay", TAG, "Send an earlier time once more", _REPLAY, answers, ADMIN, [_id()])
    described.requestBody = _body("ReplayRange", day={"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T23:59:59Z"})
    return described


def _deliveries() -> Operation:
    words = {"type": "string", "enum": [status.word for status in Status]}
    told = "How they stand. Repeat it, or separate by commas, for *or*."
    shape = {"type": "array", "minItems": 1, "items": words}
    status = parameter("query", "status", told, shape, example=["dead"], style="form", explode=True)
    listed = _said("A page of deliveries.", "HookDeliveryPage", examples.listed(hook_examples.pending_delivery()))
    parameters = [_id(), status, limit_parameter(), cursor_parameter()]
    answers: Answers = {"200": listed, **reading_answers("404")}
    return operation("listDeliveries", TAG, "List the deliveries of a hook", _LIST, answers, ADMIN, parameters)


def _delivery() -> Operation:
    found = _said("The delivery.", "HookDelivery", hook_examples.pending_delivery())
    answers: Answers = {"200": found, **reading_answers("404")}
    told = "With the tries that failed."
    return operation("getDelivery", TAG, "Get one delivery", told, answers, ADMIN, [_id(), _delivery_id()])


def _retry() -> Operation:
    answers: Answers = {
        "202": _said("It is under way.", "HookDelivery", hook_examples.pending_delivery()),
        **reading_answers("404"),
        "409": _conflict(
            "It succeeded, or the hook is disabled.",
            f"{HOOK_PATH}/deliveries/{hook_examples.DELIVERY_ID}/retry",
            "The delivery succeeded. To send what it told once more, replay its time.",
        ),
    }
    told = "A delivery that waits, failed or is dead is tried at once, and then as often as a new one."
    return operation("retryDelivery", TAG, "Try a delivery again", told, answers, ADMIN, [_id(), _delivery_id()])


def _body(schema: str, *, is_required: bool = True, **named: object) -> RequestBody:
    bodies: dict[str, MediaType] = content(JSON_TYPE, schema_ref(schema), **named)
    told = f"At most {MAX_BODY_BYTES} bytes. Gzip is taken too, as a `Content-Encoding`."
    return RequestBody(required=is_required, description=told, content=bodies)


def _conflict(description: str, path: str, detail: str) -> Response:
    return problem_answer(description, CONFLICT, detail, path)


def body_answers(
    path: str, pointer: str, detail: str, most: int = MAX_BODY_BYTES
) -> Mapping[str, Response | Reference]:
    """The errors of requests with a body of at most `most` bytes; `pointer` and `detail` are those of a fault in it."""
    fault: examples.JsonObject = {"pointer": pointer, "detail": detail}
    not_json: examples.JsonObject = {"pointer": "", "detail": "is not JSON."}
    nonsense = 'The parameter "nonsense" is not known; there are none here.'
    unknown: examples.JsonObject = {"parameter": "nonsense", "detail": nonsense}
    codings = header("The content codings taken here, when it was the coding.", {"type": "string"}, required=False)
    return {
        "400": answer(
            "The request is broken, a parameter is unknown, or the body is not JSON.",
            content(
                PROBLEM_TYPE,
                schema_ref("Problem"),
                notJson=examples.problem(INVALID_JSON, "The body is not JSON.", path, [not_json]),
                parameter=examples.problem(INVALID_PARAMETER, nonsense, path, [unknown]),
            ),
        ),
        "413": problem_answer(
            "The body is too large.",
            TOO_LARGE,
            f"The body may have at most {most} bytes, after decompression too.",
            path,
        ),
        "415": answer(
            "Neither JSON nor gzip.",
            content(
                PROBLEM_TYPE,
                schema_ref("Problem"),
                notJson=examples.problem(
                    UNSUPPORTED_MEDIA_TYPE, "Send application/json, or gzip with JSON inside.", path
                ),
            ),
            {"accept-encoding": codings},
        ),
        "422": problem_answer(
            "A field of the body is wrong: `errors` says which and why.",
            INVALID_FIELDS,
            detail if detail[:1].isupper() else f"{pointer.lstrip('/')} {detail}",
            path,
            errors=[fault],
        ),
    }
