"""Reports forwarded to providers of every temper: what is sent, what counts as taken, and what is tried again."""

import asyncio
import base64
import json
from collections.abc import Mapping

import pytest

from app.maven.ijson_grammar import Json
from tests.dialling.answering import Request, answering, http, saying, silent
from tests.dvir_logs.depot import CONNECTIONS, DAY_SECONDS, LOGS, Depot, logs_of, operation_path, taken
from tests.dvir_logs.test_creating import assert_operation
from tests.inspections.samples import DRIVER, full_report, report, without

TRIES = 10
"""The first, and nine more."""


def body_of(request: Request) -> dict[str, Json]:
    found: dict[str, Json] = json.loads(request.body)
    return found


@pytest.mark.parametrize(
    "given, kept",
    [
        ("dvir-77", "dvir-77"),
        (77, "77"),
        (0, "0"),
        (2**63, str(2**63)),
        ("ü" * 255, "ü" * 255),
    ],
    ids=["text", "number", "zero", "large", "long"],
)
async def test_what_a_provider_takes(depot: Depot, given: Json, kept: str) -> None:
    async with answering(saying(taken(given, "X-Trace: abc", "Set-Cookie: session=secret"))) as provider:
        connection = await depot.connect(provider.url, fleet_ref="fleet 1", source_name="TSP")
        sent = full_report(connection, brand_new=[1])
        pending = await depot.given("POST", LOGS, sent, 202)
        assert (pending["status"], pending["logs"]) == ("pending", [])
        assert await depot.items() == []
        async with depot.house.delivering():
            done = await depot.ended(pending)
        synchronous = await depot.send(connection, is_sync=True)
    for shown in (done, synchronous):
        assert_operation(shown)
        assert (shown["status"], shown["source_id"], shown["fleet_ref"]) == ("success", kept, "fleet 1")
        (log,) = logs_of(shown)
        assert (log["response_status_code"], log["status"], log["error_type"]) == (201, "success", None)
        headers = log["response_headers"]
        assert isinstance(headers, dict)
        assert headers["x-trace"] == "abc"
        assert "set-cookie" not in headers
    first, second = provider.asked
    assert body_of(first) == sent
    assert second.headers["idempotency-key"] == synchronous["id"] != first.headers["idempotency-key"] == done["id"]
    assert first.headers["content-type"] == "application/json"
    assert "authorization" not in first.headers
    newest, oldest = await depot.items()
    assert (newest["id"], oldest["id"]) == (synchronous["resource_id"], done["resource_id"])
    assert (oldest["source_id"], oldest["source_name"], oldest["fleet_ref"]) == (kept, "TSP", "fleet 1")


async def test_of_headers_a_part_is_kept_and_what_cannot_be_shown_is_replaced(depot: Depot) -> None:
    odd = ["X-Odd: caf\u00e9 \u0085\u200b", "X-Empty: ", "WWW-Authenticate: x", "Retry-After: 5"]
    many = [f"X-{number}: {'v' * 300}" for number in range(60)]
    async with answering(saying(taken("1", *odd), taken("2", *odd, *many))) as provider:
        connection = await depot.connect(provider.url)
        few, some = [await depot.send(connection, is_sync=True) for _ in range(2)]
    headers = logs_of(few)[0]["response_headers"]
    assert isinstance(headers, dict)
    assert headers.keys() == {"content-length", "content-type", "x-odd", "x-empty", "retry-after"}
    assert str(headers["x-odd"]).isprintable()
    kept = logs_of(some)[0]["response_headers"]
    assert isinstance(kept, dict)
    assert kept.items() > headers.items() - {("content-length", headers["content-length"])}
    assert sum(len(name) + len(str(value)) for name, value in kept.items()) <= 8192
    assert len(kept) < 40
    assert (few["status"], some["status"]) == ("success", "success")


@pytest.mark.parametrize("status", [400, 404, 408, 410, 422])
async def test_a_refusal_is_for_good(depot: Depot, status: int) -> None:
    refusal = http(status, b'{"message": "no such driver"}', "Retry-After: 1")
    async with answering(saying(refusal, refusal, taken("late"))) as provider:
        connection = await depot.connect(provider.url)
        async with depot.house.delivering():
            refused = await depot.ended(await depot.send(connection))
            again = await depot.send(connection, is_sync=True)
            depot.house.clock.pass_by(DAY_SECONDS)
            late = await depot.ended(await depot.send(connection))
    for shown in (refused, again):
        assert (shown["status"], shown["resource_id"], shown["source_id"]) == ("failed", None, None)
        (log,) = logs_of(shown)
        assert (log["response_status_code"], log["status"], log["error_type"]) == (status, "failed", "rejected")
        assert f"The provider answered {status}" in str(log["error_details"])
        assert "no such driver" in str(log["error_details"])
    assert late["status"] == "success"  # it is never disabled, whatever it said
    assert len(provider.asked) == 3
    assert [one["id"] for one in await depot.items()] == [late["resource_id"]]
    rows = await depot.house.database.fetch("SELECT disabled_at, disabled_reason FROM hooks")
    assert [tuple(row) for row in rows] == [(None, None)]


HUGE = b'{"id": "huge", "more": "' + b"x" * 100_000 + b'"}'
FAILURES: list[tuple[bytes | None, int | None, str]] = [
    (http(429, b"slow down", "Retry-After: 86400"), 429, "status"),
    (http(500, b"<html>oops</html>"), 500, "status"),
    (http(503), 503, "status"),
    (http(302, b"", "Location: http://169.254.169.254/latest"), 302, "status"),
    (http(200, b"not json"), 200, "protocol"),
    (http(201, b'{"name": "no id"}'), 201, "protocol"),
    (http(200, HUGE), 200, "protocol"),
    (b"SMTP ready\r\n\r\n", None, "protocol"),
    (b"", None, ""),  # closed
    (None, None, "timeout"),
]
ALSO_NO_ID: list[bytes] = [
    http(204),
    http(200, b"[]"),
    http(200, b'{"id": null}'),
    http(200, b'{"id": ""}'),
    http(200, b'{"id": true}'),
    http(200, b'{"id": 1.5}'),
    http(200, b'{"id": {"id": 1}}'),
    http(200, json.dumps({"id": "x" * 256}).encode()),
    http(200, b'{"id": "a\\u0000b"}'),
    http(200, b'{"id": "a\\ud800"}'),
    http(200, b'{"id": "\xff"}'),
    http(200, b"[" * 50_000),
]


class Moody:
    """Answers by the number of the request; None is no answer at all, and nothing a connection that is closed."""

    def __init__(self, answers: Mapping[int, bytes | None], last: bytes) -> None:
        self.answers = answers
        self.last = last

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        answer = self.answers.get(request.number, self.last)
        if answer is None:
            return await silent(request, writer)
        writer.write(answer)
        return answer.startswith(b"HTTP")


async def test_failures_are_tried_again_until_the_tries_are_used_up(depot: Depot) -> None:
    assert len(FAILURES) == TRIES
    moods = Moody({n: answer for n, (answer, _, _) in enumerate(FAILURES)}, taken("never"))
    async with answering(moods.reply) as provider:
        connection = await depot.connect(provider.url)
        pending = await depot.send(connection, vehicle_id=DRIVER)
        async with depot.house.delivering():
            for n in range(1, TRIES + 1):
                shown = await depot.tried(pending, n)
                assert len(logs_of(shown)) == n
                assert shown["status"] == ("pending" if n < TRIES else "failed")
                depot.house.clock.pass_by(DAY_SECONDS)
            later = await depot.send(connection)
            assert (await depot.ended(later))["status"] == "success"  # after ten days of failures
        assert len(provider.asked) >= TRIES + 1
    shown = await depot.operation(pending)
    assert_operation(shown)
    assert len(logs_of(shown)) == TRIES
    for log, (_, status, outcome) in zip(logs_of(shown), FAILURES, strict=True):
        assert (log["status"], log["response_status_code"]) == ("failed", status)
        assert log["error_details"]
        assert outcome in ("", log["error_type"])
        assert (log["response_headers"] is None) is (status is None)
    assert str(logs_of(shown)[3]["error_details"]).endswith("a redirect, which is not followed.")
    keys = {request.headers["idempotency-key"] for request in provider.asked[:-1]}
    assert keys == {pending["id"]}
    assert len({request.body for request in provider.asked[:-1]}) == 1
    assert (shown["resource_id"], shown["source_id"]) == (None, None)
    assert len(await depot.items()) == 1
    times = [str(log["created_at"]) for log in logs_of(shown)]
    assert times == sorted(times)


async def test_retry_after_is_honoured(depot: Depot) -> None:
    moods = Moody({0: http(429, b"", "Retry-After: 7200")}, taken("ok"))
    async with answering(moods.reply) as provider:
        connection = await depot.connect(provider.url)
        async with depot.house.delivering():
            pending = await depot.send(connection)
            await depot.tried(pending, 1)
            depot.house.clock.pass_by(3600)  # the first retry would be due after 5 s
            waiting = await depot.send(connection)
            other = await depot.connect(provider.url)
            assert (await depot.ended(await depot.send(other)))["status"] == "success"  # nobody else waits
            assert (await depot.operation(pending))["status"] == (await depot.operation(waiting))["status"] == "pending"
            depot.house.clock.pass_by(3700)
            assert (await depot.ended(pending))["status"] == (await depot.ended(waiting))["status"] == "success"
    assert [log["response_status_code"] for log in logs_of(await depot.operation(pending))] == [429, 201]


async def test_an_answer_without_an_id_is_no_success(depot: Depot) -> None:
    moods = Moody(dict(enumerate(ALSO_NO_ID)), taken("good"))
    async with answering(moods.reply) as provider:
        connection = await depot.connect(provider.url)
        for _ in ALSO_NO_ID:
            shown = await depot.send(connection, is_sync=True)
            (log,) = logs_of(shown)
            assert (shown["status"], log["error_type"]) == ("failed", "protocol")
            assert log["error_details"] == "The provider's answer has no id."
        assert (await depot.send(connection, is_sync=True))["status"] == "success"


SECRETS = "wf8-Token.of:the/provider="


@pytest.mark.parametrize(
    "credentials, name, value",
    [
        ({"type": "bearer", "token": SECRETS}, "authorization", f"Bearer {SECRETS}"),
        (
            {"type": "basic", "username": "Fuhrpark Süd", "password": SECRETS},
            "authorization",
            "Basic " + base64.b64encode(f"Fuhrpark Süd:{SECRETS}".encode()).decode(),
        ),
        ({"type": "header", "name": "X-Api-Key", "value": SECRETS}, "x-api-key", SECRETS),
    ],
    ids=["bearer", "basic", "header"],
)
async def test_credentials_are_sent_and_never_shown(
    depot: Depot,
    credentials: dict[str, str],
    name: str,
    value: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    encoded = value.rpartition(" ")[2]

    async def repeat(request: Request, writer: asyncio.StreamWriter) -> bool:
        """Some providers say what they did not like."""
        sent = request.headers[name]
        writer.write(http(401, f"wrong: {sent} {SECRETS}".encode(), f"X-You-Sent: {sent}", "X-Fine: 1"))
        return True

    async with answering(repeat) as provider:
        connection = await depot.connect(provider.url, credentials=credentials)
        async with depot.house.delivering():
            pending = await depot.ended(await depot.send(connection))
        synchronous = await depot.send(connection, is_sync=True)
        tested = await depot.ask("POST", f"{CONNECTIONS}/{connection}/test")
    assert [request.headers[name] for request in provider.asked] == [value] * 3
    assert logs_of(pending)[0]["response_headers"]["x-fine"] == "1"  # type: ignore[index, call-overload]
    assert (pending["status"], synchronous["status"]) == ("failed", "failed")
    shown = [tested.text]
    for method, path, body in (
        ("GET", operation_path(pending), None),
        ("GET", operation_path(synchronous), None),
        ("GET", CONNECTIONS, None),
        ("GET", f"{CONNECTIONS}/{connection}", None),
        ("PATCH", f"{CONNECTIONS}/{connection}", {"name": "Other"}),
        ("PATCH", f"{CONNECTIONS}/{connection}", {"credentials": {**credentials, "type": "bearer"}}),
        ("PATCH", f"{CONNECTIONS}/{connection}", {"credentials": {**credentials, "more": 1}}),
        ("PATCH", f"{CONNECTIONS}/{connection}", {"credentials": {**credentials, "type": SECRETS[:5]}}),
    ):
        shown.append((await depot.ask(method, path, body)).text)
    rows = await depot.house.database.fetch("SELECT last_error FROM deliveries UNION ALL SELECT last_error FROM hooks")
    captured = capfd.readouterr()
    assert "delivery.attempted" in captured.out + captured.err
    for text in (*shown, *(str(row[0]) for row in rows), captured.out, captured.err):
        assert SECRETS not in text
        assert encoded not in text


async def test_a_further_field_does_not_take_the_name_of_another(depot: Depot) -> None:
    async with answering(saying(taken("1"))) as provider:
        connection = await depot.connect(provider.url, mapping={"driver_id": "dd", "odometer": None})
        taken_name = "is the name that the connection gives to driver_id: send it by another"
        found = await depot.refused("POST", LOGS, report(connection, dd="COLLIDE"))
        assert found == {"/dd": taken_name}
        # One that was accepted before the mapping was changed.
        await depot.given("PATCH", f"{CONNECTIONS}/{connection}", {"mapping": {}})
        waits = await depot.send(connection, dd="COLLIDE")
        await depot.given("PATCH", f"{CONNECTIONS}/{connection}", {"mapping": {"driver_id": "dd"}})
        async with depot.house.delivering():
            await depot.ended(waits)
    (request,) = provider.asked
    assert body_of(request)["dd"] == report(connection)["driver_id"]


async def test_an_id_is_a_string_or_a_whole_number_of_any_size(depot: Depot) -> None:
    async with answering(saying(http(200, b'{"id": 123456789012345678901234567890}'))) as provider:
        shown = await depot.send(await depot.connect(provider.url), is_sync=True)
    assert (shown["status"], shown["source_id"]) == ("success", "123456789012345678901234567890")


async def test_a_mapping_renames_and_leaves_out(depot: Depot) -> None:
    mapping = {
        "driver_id": "driver",
        "vehicle_id": "trailer_id",
        "trailer_id": "vehicle_id",
        "odometer": None,
        "connection_id": "account",
        "defect_count": "defectCount",
    }
    async with answering(saying(taken("1"))) as provider:
        connection = await depot.connect(provider.url, mapping=mapping)
        sent = full_report(connection, brand_new={"driver_id": 1})
        answer = await depot.ask("POST", f"{LOGS}?is_sync=true", sent)
        assert answer.json()["payload"] == sent
        await depot.given("PATCH", f"{CONNECTIONS}/{connection}", {"mapping": {"connection_id": None}})
        await depot.ask("POST", f"{LOGS}?is_sync=true", sent)
    first, second = map(body_of, provider.asked)
    expected = without(sent, "driver_id", "odometer", "defect_count", "connection_id")
    expected |= {"driver": sent["driver_id"], "account": connection, "defectCount": sent["defect_count"]}
    expected |= {"vehicle_id": sent["trailer_id"], "trailer_id": sent["vehicle_id"]}
    assert first == expected
    assert second == without(sent, "connection_id")
    (_, shown) = await depot.items()
    assert shown["driver_id"] == sent["driver_id"]
