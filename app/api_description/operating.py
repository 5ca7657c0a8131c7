"""The description of the quarantine, health, metrics, and of the description itself."""

from openapi_pydantic import Operation, Parameter, PathItem, Reference, Response

from app.api_description import examples
from app.api_description.pieces import (
    JSON_TYPE,
    PUBLIC,
    Security,
    answer,
    answer_ref,
    content,
    header_ref,
    operation,
    parameter,
    schema_ref,
)
from app.api_description.reading import reading_answers
from app.api_description.shared import ADMIN, SCRAPER, cursor_parameter, limit_parameter, problem_answer
from app.channels.store import STATE_WORDS
from app.web.problems import INVALID_EVENTS, OVERLOADED

QUARANTINE, OPERATION = "Quarantine", "Operation"

_ENTRY_PATH = "/v1/quarantine/{id}"
_TEXT = {"type": "string"}


def paths() -> dict[str, PathItem]:
    """What operators ask."""
    return {**_quarantine_paths(), **_health_paths(), **_description_paths()}


def _quarantine_paths() -> dict[str, PathItem]:
    return {
        "/v1/quarantine": PathItem(
            get=operation(
                "listQuarantine",
                QUARANTINE,
                "List the quarantine",
                "Oldest first. Identical bytes are kept once and counted. Not for keys that are limited to terminals.",
                {
                    "200": answer(
                        "A page of entries.",
                        content(
                            JSON_TYPE,
                            schema_ref("QuarantineEntryPage"),
                            one=examples.listed(examples.quarantine_entry()),
                        ),
                    ),
                    **reading_answers(),
                },
                ADMIN,
                [limit_parameter(), cursor_parameter()],
            )
        ),
        _ENTRY_PATH: PathItem(get=_entry(), delete=_discard()),
        f"{_ENTRY_PATH}/retry": PathItem(post=_retry()),
    }


def _id() -> Parameter:
    return parameter("path", "id", "The entry's id.", {"type": "string", "minLength": 1}, example="1")


def _entry() -> Operation:
    return operation(
        "getQuarantineEntry",
        QUARANTINE,
        "Get one entry",
        "With the bytes as they were received, and what was wrong with them.",
        {
            "200": answer(
                "The entry.", content(JSON_TYPE, schema_ref("QuarantineEntry"), one=examples.quarantine_entry())
            ),
            **reading_answers("404"),
        },
        ADMIN,
        [_id()],
    )


def _discard() -> Operation:
    answers: dict[str, Response | Reference] = {"204": answer("It is gone."), **reading_answers("404")}
    told = "The bytes are deleted for good."
    return operation("discardQuarantineEntry", QUARANTINE, "Discard one entry", told, answers, ADMIN, [_id()])


def _retry() -> Operation:
    path = "/v1/quarantine/1/retry"
    waiting = examples.problem(OVERLOADED, "Too many events wait to be written.", path)
    problem = schema_ref("Problem")
    return operation(
        "retryQuarantineEntry",
        QUARANTINE,
        "Read one entry again",
        "With today's program. What is understood now goes the ordinary way, by channel `replay`, and the entry goes.",
        {
            "200": answer(
                "All of it was understood.", content(JSON_TYPE, schema_ref("Receipt"), one=examples.receipt())
            ),
            "207": answer(
                "Some of it was understood; the rest is in quarantine by itself.",
                content(JSON_TYPE, schema_ref("Receipt"), partlyWrong=examples.partial_receipt()),
            ),
            **reading_answers("404"),
            "422": problem_answer(
                "Still not understood: the entry stays.",
                INVALID_EVENTS,
                "The entry is still not understood; it stays in quarantine.",
                path,
                errors=[{**examples.ERRORS[0], "event": 0}],
                quarantine_ids=["1"],
            ),
            "429": answer(
                "Too many events wait to be written.",
                content("application/problem+json", problem, overloaded=waiting),
                {"retry-after": header_ref("retry-after")},
            ),
        },
        ADMIN,
        [_id()],
    )


def _ready() -> dict[str, object]:
    properties = {"status": {"const": "ready"}, "polling": {"type": "string", "enum": [*STATE_WORDS]}}
    return {"type": "object", "required": ["status", "polling"], "properties": properties}


def _health_paths() -> dict[str, PathItem]:
    def status(word: str) -> dict[str, object]:
        return {"type": "object", "required": ["status"], "properties": {"status": {"const": word}}}

    metrics: dict[str, Response | Reference] = {
        "200": answer(
            "All metrics.", content("text/plain; version=0.0.4; charset=utf-8", _TEXT, some=examples.metrics())
        ),
        "401": answer_ref("Unauthenticated"),
    }
    return {
        "/healthz": _public(
            "isAlive",
            "Ask whether the process answers",
            "200 as long as the process answers, whatever the database does.",
            {"200": answer("It answers.", content(JSON_TYPE, status("alive"), alive={"status": "alive"}))},
        ),
        "/readyz": _public(
            "isReady",
            "Ask whether the service can work",
            "503 when the database is unreachable, replaced or behind, and after SIGTERM. `polling` says how reading"
            " Maven's queue goes; it does not make the service less ready.",
            {"200": answer("It can work.", content(JSON_TYPE, _ready(), ready={"status": "ready", "polling": "off"}))},
        ),
        "/metrics": _public(
            "getMetrics",
            "Get the metrics",
            "Prometheus, totals only. Open unless HOS_METRICS_TOKEN is set; then for its bearer alone.",
            metrics,
            SCRAPER,
        ),
    }


def _description_paths() -> dict[str, PathItem]:
    held = parameter("header", "If-None-Match", "Entity tags of answers that the client holds.", _TEXT)
    tagged = {"etag": header_ref("etag")}
    current = answer("What the client holds is current.", None, tagged)
    file = parameter("path", "file", "Name of the file.", {"type": "string", "minLength": 1}, example="style.css")
    return {
        "/openapi.json": _public(
            "getDescription",
            "Get this description",
            "OpenAPI 3.1.",
            {"200": answer("The description.", content(JSON_TYPE, {"type": "object"}), tagged), "304": current},
            parameters=[held],
        ),
        "/docs": _public(
            "getDocs",
            "Read this description",
            "One page for people. It needs nothing from another host, and no JavaScript.",
            {"200": answer("The page.", content("text/html; charset=utf-8", _TEXT), tagged), "304": current},
            parameters=[held],
        ),
        "/docs/{file}": _public(
            "getDocsFile",
            "Get a file of the page",
            "Its style sheet and its script.",
            {
                "200": answer(
                    "The file.",
                    {
                        **content("text/css; charset=utf-8", _TEXT),
                        **content("text/javascript; charset=utf-8", _TEXT),
                    },
                    tagged,
                ),
                "304": current,
                "404": answer_ref("NotFound"),
            },
            parameters=[file, held],
        ),
    }


def _public(
    operation_id: str,
    summary: str,
    description: str,
    responses: dict[str, Response | Reference],
    security: Security = PUBLIC,
    parameters: list[Parameter] | None = None,
) -> PathItem:
    described = operation(operation_id, OPERATION, summary, description, responses, security, parameters or [])
    return PathItem(get=described)
