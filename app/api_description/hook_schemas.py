"""The schemas of hooks and deliveries: what is asked for, and what is answered.

Fields and limits come from the models that read them; what is answered beyond them is said here. What hooks are sent
is in `sending`.
"""

from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel

from app.alerts.noting import KEPT_FAILURES
from app.alerts.rules import AttemptOutcome
from app.api_description.incoming import INSTANT
from app.api_description.pieces import JsonSchema, exact_object, nullable, schema_ref
from app.api_description.schemas import COUNT, TEXT, page_schema, plain_properties, written_time
from app.hooks.schema import MESSAGES, Digest, HookChanges, HookFilter, NewHook, Range, Rotation, Threshold
from app.outbox.model import Status

FAILURES = [word for word in get_args(AttemptOutcome) if word != "succeeded"]
_STATUS = {"type": ["integer", "null"], "minimum": 100, "maximum": 999}


def hook_schemas() -> dict[str, JsonSchema]:
    """Hooks, deliveries, and what is asked of them."""
    hook = _hook()
    secret = {**TEXT, "pattern": "^whsec_", "description": "Signs what is sent; of webhooks alone. Shown this once."}
    return {
        "NewHook": asked(NewHook),
        "HookChanges": _changes(),
        "HookFilter": asked(HookFilter),
        "Threshold": asked(Threshold),
        "Digest": asked(Digest),
        "SecretRotation": asked(Rotation),
        "ReplayRange": _range(),
        "Hook": exact_object(hook, "A hook: where to, how, and what of."),
        "CreatedHook": {
            **exact_object(hook, "A hook that was made just now."),
            "properties": {**hook, "secret": secret},
        },
        "NewSecret": exact_object(
            {
                "id": {**TEXT, "description": "The hook."},
                "secret": {**secret, "description": "Signs from now on. Shown this once."},
                "oldSecretExpiresAt": nullable(written_time("Until when old ones sign along; null when none does.")),
            },
            "The secret that took the place of another.",
        ),
        "Replay": exact_object(
            {"deliveries": {**COUNT, "description": "How many there are to deliver."}}, "What is sent once more."
        ),
        "HookDelivery": _delivery(),
        "DeliveryFailure": _failure(),
        "HookPage": page_schema("Hook"),
        "HookDeliveryPage": page_schema("HookDelivery"),
    }


def asked(model: type[BaseModel]) -> dict[str, object]:
    """A model of what may be asked for, with its defaults; members it does not name are refused."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    plain = plain_properties(schema)
    properties = {
        name: {**member, "default": default} if (default := _default(model, name)) is not None else member
        for name, member in plain.items()
    }
    found: dict[str, object] = {"type": "object", "description": schema["description"], "properties": properties}
    if "required" in schema:
        found["required"] = schema["required"]
    return {**found, "additionalProperties": False}


def _default(model: type[BaseModel], name: str) -> object:
    """The default of a field that is worth telling: one of an object or of null says nothing."""
    default = next(field for key, field in model.model_fields.items() if name in (key, field.alias)).default
    return default if isinstance(default, bool | int | str) else None


def _changes() -> dict[str, object]:
    """Changes have no defaults: what is left out stays. What the fields are is said by `NewHook`."""
    schema = asked(HookChanges)
    told = plain_properties(NewHook.model_json_schema(ref_template="#/components/schemas/{model}"))
    properties = schema["properties"]
    assert isinstance(properties, dict)
    members: dict[str, JsonSchema] = {}
    for name, member in properties.items():
        kept = {key: value for key, value in member.items() if key != "default"}
        members[name] = {**kept, "description": told[name]["description"]}
    members["events"] = {**members["events"], "description": "What of."}
    members["filter"] = {
        **members["filter"],
        "description": "Of which violations and inspections, instead of the whole old one.",
    }
    members["enabled"] = {**members["enabled"], "description": "True revives a hook that was disabled."}
    return {**schema, "properties": members}


def _range() -> dict[str, object]:
    schema = asked(Range)
    told = {"from": "The first instant.", "to": "The last instant; belongs to it."}
    return {**schema, "properties": {name: {**INSTANT, "description": text} for name, text in told.items()}}


def _hook() -> dict[str, JsonSchema]:
    own = asked(NewHook)["properties"]
    assert isinstance(own, dict)
    own = {name: {k: v for k, v in member.items() if k != "default"} for name, member in own.items()}
    events = {**own["events"], "type": "array", "description": "What it is told of."}
    is_enabled = {"type": "boolean", "description": "Whether it is told. What a disabled one misses is kept for it."}
    url = (
        "Where to. An Apprise URL is a secret and is masked. Null when it was sealed with a HOS_SECRET_KEY that is not"
        " set now."
    )
    return {
        "id": {**TEXT, "description": "Names it in paths."},
        "name": own["name"],
        "kind": own["kind"],
        "url": {"type": ["string", "null"], "description": url},
        "events": events,
        "filter": own["filter"],
        "threshold": own["threshold"],
        "digest": own["digest"],
        "enabled": is_enabled,
        "disabledAt": nullable(written_time("Since when it is not told.")),
        "disabledReason": nullable({**TEXT, "description": "Why; one sentence."}),
        "createdAt": written_time("When it was made."),
        "updatedAt": written_time("When it was last changed."),
        "failingSince": nullable(written_time("Since when every try failed; null while it goes well.")),
        "lastSuccessAt": nullable(written_time("When a delivery last succeeded; to the minute while it goes well.")),
        "lastFailureAt": nullable(written_time("When a try last failed.")),
        "lastError": nullable({**TEXT, "description": "Why, while it fails."}),
        "nextDigestAt": nullable(written_time("When the next digest is due.")),
    }


def _delivery() -> Mapping[str, object]:
    return exact_object(
        {
            "id": {**TEXT, "description": "Its number; later ones have greater numbers."},
            "hookId": {**TEXT, "description": "Whose it is."},
            "type": {"type": "string", "enum": list(MESSAGES), "description": "What it tells."},
            "status": {
                "type": "string",
                "enum": [status.word for status in Status],
                "description": "`pending`: waits for a try. `failed`: refused for good. `dead`: its tries are used up.",
            },
            "violationId": nullable(
                {**TEXT, "description": "The violation; null when it tells of none or it is gone."}
            ),
            "messageId": {**TEXT, "description": "The header `webhook-id`: the same on every try."},
            "createdAt": written_time("When it was owed."),
            "attempts": {**COUNT, "description": "How often it was tried."},
            "lastAttemptAt": nullable(written_time("When it was last tried.")),
            "nextAttemptAt": nullable(written_time("When it is tried next, unless what is before it waits longer.")),
            "endedAt": nullable(written_time("When it succeeded or was given up.")),
            "responseStatus": {**_STATUS, "description": "The HTTP status answered last."},
            "lastError": nullable({**TEXT, "description": "Why the last try failed, or why it was given up."}),
            "failures": {
                "type": "array",
                "items": schema_ref("DeliveryFailure"),
                "maxItems": KEPT_FAILURES,
                "description": f"The tries that failed, the last {KEPT_FAILURES}, oldest first.",
            },
        },
        "One message owed to one hook, and how it went.",
    )


def _failure() -> dict[str, object]:
    return exact_object(
        {
            "at": written_time("When it was tried."),
            "outcome": {
                "type": "string",
                "enum": FAILURES,
                "description": "`status`: an answer that is not 2xx. `refused`: the address may not be dialled."
                " `unreadable`: a secret was sealed with a key that is not set now. `purged`: the violation is gone.",
            },
            "responseStatus": {**_STATUS, "description": "The HTTP status, where there was one."},
            "detail": nullable({**TEXT, "description": "What went wrong; one line, without secrets."}),
            "seconds": {"type": "number", "minimum": 0, "description": "How long it took."},
        },
        "One try that failed.",
    )
