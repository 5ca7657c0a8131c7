"""Problems have the shape of RFC 9457, and no exception escapes being one."""

import json
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from app.web.bodies import ClientGone
from app.web.middleware import Frame
from app.web.problems import (
    FORBIDDEN,
    INVALID_EVENTS,
    KINDS,
    UNAUTHENTICATED,
    Problem,
    exception_handlers,
    problem_response,
    render_problem,
    request_instance,
)


def wrapped_outside(routes: list[Route]) -> ASGIApp:
    return Frame(Starlette(routes=routes, exception_handlers=exception_handlers()))


def wrapped_inside(routes: list[Route]) -> ASGIApp:
    return Starlette(routes=routes, middleware=[Middleware(Frame)], exception_handlers=exception_handlers())


Wrap = Callable[[list[Route]], ASGIApp]
both_ways = pytest.mark.parametrize("wrap", [wrapped_outside, wrapped_inside])


def client_for(wrap: Wrap, error: Exception) -> TestClient:
    async def endpoint(request: Request) -> Response:
        raise error

    return TestClient(wrap([Route("/a", endpoint)]), raise_server_exceptions=False)


def test_kinds_have_slugs_of_their_own() -> None:
    slugs = [kind.slug for kind in KINDS]
    assert len(set(slugs)) == len(slugs)
    assert all(slug.replace("-", "").isalpha() and slug == slug.lower() for slug in slugs)
    assert {400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503} <= {kind.status for kind in KINDS}


def test_a_problem_has_its_members_and_headers() -> None:
    problem = Problem(
        INVALID_EVENTS,
        "None of 1 events was understood.",
        errors=[{"event": 0, "pointer": "/id", "detail": "is missing"}],
        quarantine_ids=["7"],
        headers={"Retry-After": "1"},
    )
    response = problem_response(problem, "r1", "/webhooks/maven")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    assert json.loads(bytes(response.body)) == {
        "type": "/problems/invalid-events",
        "title": "No event was understood",
        "status": 422,
        "detail": "None of 1 events was understood.",
        "instance": "/webhooks/maven",
        "requestId": "r1",
        "errors": [{"event": 0, "pointer": "/id", "detail": "is missing"}],
        "quarantineIds": ["7"],
    }


@pytest.mark.parametrize("value", ["\ud800", 10**40, "\x00", "\U0001f69a", float("nan"), b"bytes"])
def test_rendering_never_fails(value: object) -> None:
    body = render_problem(Problem(FORBIDDEN, f"not {value!s}", errors=[{"event": value}]), "r", "/")
    assert json.loads(body.decode("utf-8"))["status"] == 403


@pytest.mark.parametrize(
    "raw,instance",
    [
        (b"/v1/violations/a%2Fb", "/v1/violations/a%2Fb"),
        (b"/a?key=secret", "/a"),
        (b'/<"{', "/%3C%22%7B"),
        (b"/\xff", "/%FF"),
    ],
)
def test_the_instance_is_a_path(raw: bytes, instance: str) -> None:
    assert request_instance({"type": "http", "path": "/", "raw_path": raw}) == instance


@both_ways
def test_a_problem_is_answered(wrap: Wrap) -> None:
    headers = {"WWW-Authenticate": "Bearer"}
    answer = client_for(wrap, Problem(UNAUTHENTICATED, "No key.", headers=headers)).get("/a?secret=1")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["instance"] == "/a"
    assert answer.json()["requestId"] == answer.headers["x-request-id"]


@both_ways
@pytest.mark.parametrize(
    "method,path,status,slug", [("GET", "/b", 404, "not-found"), ("POST", "/a", 405, "method-not-allowed")]
)
def test_starlettes_errors_are_problems(wrap: Wrap, method: str, path: str, status: int, slug: str) -> None:
    answer = client_for(wrap, ValueError()).request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == f"/problems/{slug}"
    assert ("allow" in answer.headers) == (status == 405)


@both_ways
@pytest.mark.parametrize("status,slug", [(418, "i-m-a-teapot"), (599, "error"), (403, "forbidden")])
def test_any_status_has_a_problem(wrap: Wrap, status: int, slug: str) -> None:
    answer = client_for(wrap, HTTPException(status, "because")).get("/a")
    assert answer.status_code == answer.json()["status"] == status
    assert answer.json()["type"] == f"/problems/{slug}"
    assert answer.json()["detail"] == "because"


@both_ways
def test_not_modified_has_no_body(wrap: Wrap) -> None:
    answer = client_for(wrap, HTTPException(304, headers={"ETag": '"1"'})).get("/a")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"1"')


@both_ways
def test_a_crash_shows_its_request_id_alone_and_is_logged_once(wrap: Wrap) -> None:
    error = RuntimeError("SELECT secret FROM api_keys")
    with capture_logs() as logs:
        answer = client_for(wrap, error).get("/a?k=v", headers={"x-request-id": "r-7"})
    assert answer.status_code == 500
    assert answer.json()["requestId"] == "r-7"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert logs == [
        {
            "event": "request.crashed",
            "log_level": "error",
            "request_id": "r-7",
            "method": "GET",
            "path": "/a",
            "exc_info": error,
        }
    ]


@both_ways
@pytest.mark.parametrize("error", [ClientDisconnect(), ClientGone()])
def test_a_client_that_has_gone_is_no_crash(wrap: Wrap, error: Exception) -> None:
    with capture_logs() as logs:
        # Sent to nobody: a server drops it, the test client does not.
        assert client_for(wrap, error).get("/a").status_code == 408
    assert logs == []


@both_ways
@pytest.mark.parametrize("error", [Problem(FORBIDDEN, "too late"), KeyError("x")])
def test_an_answer_that_breaks_off_is_logged(wrap: Wrap, error: Exception) -> None:
    async def endpoint(request: Request) -> Response:
        async def chunks() -> object:
            yield b"a"
            raise error

        return StreamingResponse(chunks())  # type: ignore[arg-type]

    with capture_logs() as logs:
        TestClient(wrap([Route("/a", endpoint)]), raise_server_exceptions=False).get("/a")
    assert [entry["event"] for entry in logs] == ["request.crashed"]
