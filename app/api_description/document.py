"""The OpenAPI document put together."""

import orjson
from openapi_pydantic import Components, Info, License, OpenAPI, PathItem, Reference, Schema, Server, Tag

from app.api_description import (
    connections,
    duty_log,
    following,
    hooks,
    identities,
    inspections,
    operating,
    reading,
    receiving,
    reviewing,
    sending,
)
from app.api_description.channel_schemas import status_schemas
from app.api_description.duty_log import duty_log_schemas
from app.api_description.hook_schemas import hook_schemas
from app.api_description.incoming import incoming_schemas
from app.api_description.reviewing import review_schemas
from app.api_description.schemas import (
    event_schemas,
    problem_schemas,
    reading_schemas,
    violation_schemas,
)
from app.api_description.shared import security_schemes, shared_answers, shared_headers

_OVERVIEW = """\
hos-receiver takes in the hours-of-service violations that Maven ELD reports, keeps every event, and answers which
violations are active now, and for which driver.

Maven, or whoever passes its events on, posts to `/webhooks/maven` with a webhook credential. Everybody else reads
under `/v1` with an API key: `Authorization: Bearer <key>`. The two are apart: a webhook token reads nothing, and no
API key posts events, not even one with the scope `admin`.

What was done about a violation is said by reviews, which are kept beside what Maven said and never change it.

Beside violations stand the drivers' duty logs, under `/api/v2/driverHistories`, and vehicle
inspections, under `/v2`, with scopes of their own.

Others are told of changes by hooks: as signed webhooks, by an Alertmanager, by Slack, e-mail and the like.

A violation is what its events add up to. Its status is that of the newest event by `eventTime`; at equal times the
invalidation wins. Its details are those of the newest `violationCreated`. Neither order nor repetition matters.

Times are UTC with `Z`. Lists come as pages: `limit` items, then `nextCursor` for the parameter `cursor`. Cursors are
sealed: they tell nothing, and fit only the query that gave them. An unknown parameter or a bad value is a 400. `GET`
routes answer `HEAD` too.

Every error is `application/problem+json` (RFC 9457) and names the request in `requestId`. Every answer carries
`x-request-id`: the one that the request had, if it is 1 to 128 letters, digits, dots, underscores or hyphens, or a
new one."""

_TAGS = {
    receiving.TAG: "How events come in.",
    reading.DRIVERS: "Who has active violations.",
    reading.VIOLATIONS: "What is known of violations, now or at an earlier moment; and what was done about them.",
    following.TAG: "What changed, in order: as pages, by long poll, as a stream.",
    reading.STATISTICS: "How many.",
    reading.CHANNELS: "How events come in, and what may be missing.",
    duty_log.TAG: "Drivers' logs, the evidence around a violation: written and read by other systems.",
    identities.TAG: identities.TAG_TEXT,
    inspections.TAG: "Vehicle inspections: created at a carrier's provider or kept here, and their defects.",
    connections.TAG: "Where inspections go. For keys with the scope `admin` that are not limited to terminals.",
    inspections.TOKENS: "Access tokens, for clients that speak OAuth 2.0.",
    operating.QUARANTINE: "What was not understood. For keys with the scope `admin` that are not limited to terminals.",
    hooks.TAG: "Who is told of what. For keys with the scope `admin` that are not limited to terminals.",
    sending.TAG: "What webhooks are sent.",
    operating.OPERATION: "Health, metrics, and this description.",
}


def describe(version: str) -> OpenAPI:
    """The whole API, for one version of the program."""
    schemas = {
        **violation_schemas(),
        **review_schemas(),
        **reading_schemas(),
        **event_schemas(),
        **status_schemas(),
        **problem_schemas(),
        **incoming_schemas(),
        **duty_log_schemas(),
        **identities.identity_schemas(),
        **inspections.inspection_schemas(),
        **connections.connection_schemas(),
        **hook_schemas(),
        **sending.sending_schemas(),
    }
    sent: dict[str, PathItem | Reference] = {**sending.webhooks()}
    return OpenAPI(
        openapi="3.1.1",
        info=Info(
            title="hos-receiver",
            version=version,
            summary="Hours-of-service violations from Maven ELD: received, kept, answered.",
            description=_OVERVIEW,
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
        ),
        servers=[Server(url="/")],
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        paths={
            **receiving.paths(),
            **reading.paths(),
            **reviewing.paths(),
            **following.paths(),
            **duty_log.paths(),
            **identities.paths(),
            **inspections.paths(),
            **connections.paths(),
            **hooks.paths(),
            **operating.paths(),
        },
        webhooks=sent,
        components=Components(
            schemas={name: Schema.model_validate(schema) for name, schema in schemas.items()},
            responses={**shared_answers()},
            headers={**shared_headers()},
            securitySchemes={**security_schemes()},
        ),
    )


def write(document: OpenAPI) -> bytes:
    """The document as JSON: what was said in it, and no defaults."""
    return orjson.dumps(document.model_dump(mode="json", by_alias=True, exclude_unset=True))
