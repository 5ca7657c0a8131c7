"""The guide to alerts is true: its lines work, its messages are those that are sent, its configuration is taken."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.alerts.apprise_sender import AppriseSender
from app.dialling.errors import DialFailed
from app.hooks.schema import INSPECTIONS
from app.inspections.connections import LOCAL_ID
from app.inspections.schema import FIELDS
from app.outbox.model import Topic
from tests.alerts.alerted import House, alerting_on, created, eventually, message_of
from tests.alerts.alertmanager_server import running_alertmanager
from tests.command_line import ROOT, environment, serving
from tests.dialling.answering import Server, answering, http, saying
from tests.dvir_logs.depot import LOGS, depot_on
from tests.maven.examples import Json
from tests.test_documentation import commands

KEY = "k" * 32
ADDRESS = "http://127.0.0.1:8000"
GUIDE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
RECEIVED = ("firstReceivedAt", "lastReceivedAt")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def messages() -> dict[str, Any]:
    """The messages that the guide shows, by their types."""
    shown = [json.loads(block) for block in blocks("json")]
    return {message["type"]: message for message in shown}


def shape(value: object) -> object:
    """What fields there are, and of which JSON types; counts by name are one field."""
    match value:
        case dict():
            return {name: "counts" if name in ("byType", "byTerminal") else shape(part) for name, part in value.items()}
        case [first, *_]:
            return [shape(first)]
    return type(value).__name__


async def sent(house: House, server: Server, topic: Topic) -> Any:
    """The first message of a type that arrived."""
    await eventually(
        lambda: any(message_of(request)["type"] == topic.word for request in server.asked), f"{topic.word} arrives"
    )
    return next(message for request in server.asked if (message := message_of(request))["type"] == topic.word)


def documented_event() -> dict[str, Json]:
    """The event after which the guide's message is sent."""
    data = messages()[Topic.CREATED.word]["data"]
    of_violation = list(data)[: list(data).index("durationMinutes")]
    return {"eventType": "violationCreated", **{name: data[name] for name in of_violation}}


async def test_the_message_is_the_one_that_is_sent(sqlite_url: str) -> None:
    async with answering(saying(http(204))) as server, alerting_on(sqlite_url) as house, house.delivering():
        await house.hook(server.url)
        await house.keep(documented_event())
        message = await sent(house, server, Topic.CREATED)
    documented = messages()[Topic.CREATED.word]
    assert list(message["data"]) == list(documented["data"])
    message["timestamp"] = documented["timestamp"]
    message["data"] |= {name: documented["data"][name] for name in RECEIVED}
    assert message == documented


async def test_the_headers_are_those_that_are_sent(sqlite_url: str) -> None:
    async with answering(saying(http(204))) as server, alerting_on(sqlite_url) as house:
        hook, _ = await house.hook(server.url)
        await house.desk.test(hook.id)
    (shown,) = (block for block in blocks("text") if "webhook-id" in block)
    documented = dict(line.split(": ") for line in shown.splitlines())
    headers = server.asked[0].headers
    assert {name: headers[name] for name in ("content-type", "user-agent")}.items() <= documented.items()
    assert documented.keys() <= headers.keys()
    assert len(documented["webhook-id"]) == len(headers["webhook-id"])
    assert len(documented["webhook-signature"]) == len(headers["webhook-signature"])


async def test_crossings_and_digests_have_the_fields_that_are_shown(sqlite_url: str) -> None:
    async with answering(saying(http(204))) as server, alerting_on(sqlite_url) as house, house.delivering():
        await house.hook(server.url, threshold={"atLeast": 1, "withinDays": 7})
        await house.hook(server.url, digest={"at": "06:30", "zone": "America/Chicago"})
        await house.keep(created("v1", startTime=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))
        crossing = await sent(house, server, Topic.THRESHOLD)
        house.clock.pass_by(25 * 3600)
        await house.chores.work()
        digest = await sent(house, server, Topic.DIGEST)
    assert shape(crossing) == shape(messages()[Topic.THRESHOLD.word])
    assert shape(digest) == shape(messages()[Topic.DIGEST.word])


async def test_inspections_have_the_fields_that_are_shown(sqlite_url: str) -> None:
    added, failed = (messages()[topic.word]["data"] for topic in (Topic.DVIR_ADDED, Topic.OPERATION_FAILED))
    async with (
        answering(saying(http(204))) as server,
        answering(saying(http(422))) as provider,
        depot_on(sqlite_url) as depot,
        depot.house.delivering(),
    ):
        await depot.house.hook(server.url, events=list(INSPECTIONS))
        await depot.given("POST", LOGS, {**sent_of(added), "connection_id": LOCAL_ID}, 202)
        connection = await depot.connect(provider.url)
        await depot.given("POST", LOGS, {**sent_of(failed["payload"]), "connection_id": connection}, 202)
        added_message = await sent(depot.house, server, Topic.DVIR_ADDED)
        failed_message = await sent(depot.house, server, Topic.OPERATION_FAILED)
    ids = {name: added[name] for name in ("id", "connection_id", "created_at", "updated_at")}
    assert {**added_message["data"], **ids} == added
    assert list(added_message["data"]) == list(added)
    assert shape(failed_message) == shape(messages()[Topic.OPERATION_FAILED.word])
    assert failed_message["data"]["status"] == failed["status"]


def sent_of(documented: dict[str, Any]) -> dict[str, Any]:
    """The report of which the guide shows what is told, without what is made here."""
    sent = FIELDS.keys() - {"defect_count"}
    return {name: value for name, value in documented.items() if name in sent and value is not None}


def test_an_alertmanager_takes_the_configuration() -> None:
    (config,) = blocks("yaml")
    with running_alertmanager(config) as server:
        assert server.alerts() == []


async def test_the_apprise_urls_are_of_services_that_may_be_used() -> None:
    (shown,) = (block for block in blocks("text") if "slack://" in block)
    words = {"TokenA": "T1JJ3T3L2", "TokenB": "A1BRTD4JD", "TokenC": "TIiajkdnlazkcOXrIdevi7FQ"}
    sender = AppriseSender([])
    urls = shown.splitlines()
    for url in urls:
        for word, value in words.items():
            url = url.replace(word, value)
        try:
            masked = await sender.check(url)
        except DialFailed as error:  # its host is not known from here
            masked = str(error)
        assert masked.startswith(f"{url.partition(':')[0]}://")
        assert "password" not in masked
    await sender.aclose()
    assert len(urls) == 3


def test_the_lines_work(tmp_path: Path) -> None:
    (line,) = blocks("sh")
    with serving(cwd=tmp_path, HOS_ADMIN_KEY=KEY) as served:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line.replace(ADDRESS, served.url)],
            cwd=tmp_path,
            env=environment(KEY=KEY),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    hook = json.loads(done.stdout)
    assert hook["name"] == "Safety desk"
    assert hook["secret"].startswith("whsec_")
    assert hook["filter"] == {"terminalCodes": ["PGH"], "minDurationMinutes": 15}


def test_the_commands_are_commands() -> None:
    named = re.findall(r"hos-receiver (hooks [a-z-]+)", GUIDE) + [
        f"hooks {name}" for name in re.findall(r"`hooks ([a-z-]+)", GUIDE)
    ]
    assert len(named) > 5
    assert set(named) <= set(commands())
